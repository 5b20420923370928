package taskqueue

import (
	"context"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// job tells Redis what became of the entry of a slot.
type job struct {
	slot *slot
	op   store.Finish
}

// finished is a job that Redis has confirmed.
type finished struct {
	job   job
	taken store.Taken // the next entry, or none
	gone  bool        // the run list was empty already
	sure  bool        // … and no attempt of ours can have been what emptied it
	// dropped is how many old records went off the failed list, which was full.
	dropped int
	// refused says that the job is not confirmed: Redis refused it. It is sent
	// again and again, but takes no entry any more.
	refused bool
}

// finisher carries results to Redis on a connection of its own, all that wait
// in one round trip, and keeps each until Redis has confirmed it.
type finisher struct {
	link   *store.Link
	health *health
	times  Times
	pulse  pulse
	jobs   chan []job
	done   chan []finished
}

func newFinisher(link *store.Link, h *health, t Times) *finisher {
	f := &finisher{link: link, health: h, times: t, jobs: make(chan []job), done: make(chan []finished)}
	link.OnProgress(f.pulse.progress)
	return f
}

// expiry stands for what a finisher meets when it bounds how long a failed list is
// kept: nothing is tried again then, and it is no fault of a connection.
type expiry struct{ *finisher }

// Run works until ctx ends. Jobs that are not confirmed by then are given up:
// their entries stay in the run lists, and recovery runs them again.
func (f *finisher) Run(ctx context.Context) error {
	var todo []job
	var pace retry
	for {
		todo = f.collect(ctx, todo, &pace)
		if ctx.Err() != nil {
			return closeLink(f.link)
		}
		var done []finished
		f.pulse.within(4 * f.times.IO)
		done, todo = f.attempt(ctx, todo)
		if len(todo) == 0 {
			pace.reset()
			f.pulse.rest()
		}
		if len(done) == 0 {
			continue
		}
		select {
		case f.done <- done:
		case <-ctx.Done():
		}
	}
}

// collect adds the jobs that wait. It blocks while there is nothing to do, and
// after a failed attempt for a pause, or until there is something new: a result
// that Redis refuses must not hold up the others.
func (f *finisher) collect(ctx context.Context, todo []job, pace *retry) []job {
	var pause <-chan time.Time
	if len(todo) > 0 {
		timer := time.NewTimer(pace.next())
		defer timer.Stop()
		pause = timer.C
	}
	select {
	case more := <-f.jobs:
		todo = append(todo, more...)
	case <-pause:
	case <-ctx.Done():
	}
	return todo
}

// attempt sends all jobs once. What is left has to be sent again.
func (f *finisher) attempt(ctx context.Context, todo []job) (done []finished, left []job) {
	ops := make([]store.Finish, len(todo))
	for i, j := range todo {
		ops[i] = j.op
	}
	var results []store.Finished
	sent := false
	err := f.link.Use(ctx, func(c *store.Conn) (err error) {
		sent = true
		results, err = c.FinishAll(ops)
		return err
	})
	if err != nil {
		f.health.report(f, err)
		for i := range todo {
			todo[i].op.Unsure = todo[i].op.Unsure || sent
		}
		return nil, todo
	}
	for i, r := range results {
		if r.Err != nil {
			err = r.Err
			if todo[i].op.TakeNext {
				done = append(done, finished{job: todo[i], refused: true})
			}
			todo[i].op.TakeNext = false
			left = append(left, todo[i])
			continue
		}
		if todo[i].op.How == store.Fail {
			f.health.report(expiry{f}, r.Expiry)
		}
		outlive(ctx, f.link, f.health, todo[i].op.Queue, r.Entry)
		done = append(done, finished{job: todo[i], taken: r.Taken, gone: r.Gone, sure: !todo[i].op.Unsure, dropped: r.Dropped})
	}
	f.health.report(f, err)
	return done, left
}
