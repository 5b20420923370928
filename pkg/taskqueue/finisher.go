package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// job tells Redis what became of the entry of a slot.
type job struct {
	slot *slot
	op   store.Finish
	// smaller is [result.smaller].
	smaller func() result
	// broke is how often the connection broke on which this was sent.
	broke int
}

const (
	// suspect is how often a connection has to break with a large record among what is
	// sent until that one is sent alone: Redis may not take it.
	suspect = 2
	// convicted is how often until the record is given up, where Redis does not say so
	// itself: networks break, too.
	convicted = 8
)

func (j job) suspected() bool { return j.broke >= suspect && !store.Fits(j.op.Record) }

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
	// tooLarge says that the job is not confirmed and not sent again: Redis does not
	// take its record.
	tooLarge bool
}

// finisher carries results to Redis on a connection of its own, all that wait
// in one round trip, and keeps each until Redis has confirmed it.
type finisher struct {
	keys   store.Keys
	link   *store.Link
	health *loop.Source
	// expiry is the source for the TTL of failed lists. A refusal there is not tried
	// again, and no fault of the connection.
	expiry *loop.Source
	log    *slog.Logger
	times  Times
	pulse  loop.Pulse
	jobs   chan []job
	done   chan []finished
}

func newFinisher(keys store.Keys, link *store.Link, h *loop.Health, log *slog.Logger, t Times) *finisher {
	f := &finisher{keys: keys, link: link, health: h.Source(), expiry: h.Source(), log: log, times: t, jobs: make(chan []job), done: make(chan []finished)}
	link.OnProgress(f.pulse.Progress)
	return f
}

// Run works until ctx ends. Jobs that are not confirmed by then are given up:
// their entries stay in the run lists, and recovery runs them again.
func (f *finisher) Run(ctx context.Context) error {
	defer f.expiry.Close()
	defer f.health.Close()
	var todo []job
	var pace loop.Pacer
	for {
		todo = f.collect(ctx, todo, &pace)
		if ctx.Err() != nil {
			return closeLink(f.link)
		}
		var done []finished
		f.pulse.Within(4 * f.times.IO)
		done, todo = f.attempt(ctx, todo)
		if len(todo) == 0 {
			pace.Reset()
			f.pulse.Rest()
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
func (f *finisher) collect(ctx context.Context, todo []job, pace *loop.Pacer) []job {
	var pause <-chan time.Time
	if len(todo) > 0 {
		timer := time.NewTimer(pace.Next())
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

// attempt sends all jobs once, in one trip; but what may be to blame for a break comes
// alone, after the others. What is left has to be sent again.
func (f *finisher) attempt(ctx context.Context, todo []job) (done []finished, left []job) {
	var trips [][]job
	var company []job
	for _, j := range todo {
		if j.suspected() {
			trips = append(trips, []job{j})
		} else {
			company = append(company, j)
		}
	}
	if len(company) > 0 {
		trips = slices.Insert(trips, 0, company)
	}
	for i, jobs := range trips {
		confirmed, again, reached := f.trip(ctx, jobs)
		done, left = append(done, confirmed...), append(left, again...)
		if !reached {
			return done, slices.Concat(left, slices.Concat(trips[i+1:]...))
		}
	}
	return done, left
}

// trip sends jobs in one go. Where Redis was not reached, nothing was sent.
func (f *finisher) trip(ctx context.Context, jobs []job) (done []finished, left []job, reached bool) {
	ops := make([]store.Finish, len(jobs))
	for i, j := range jobs {
		ops[i] = j.op
	}
	var results []store.Finished
	err := f.link.Use(ctx, func(c *store.Conn) (err error) {
		reached = true
		results, err = c.FinishAll(f.keys, ops)
		return err
	})
	if err != nil {
		f.health.Report(err)
		if !reached {
			return nil, jobs, false
		}
		for _, j := range jobs {
			j.op.Unsure = true
			if errors.Is(err, store.ErrSending) {
				j.broke++
			}
			alone := len(jobs) == 1 && j.suspected()
			if alone && (j.broke >= convicted || errors.Is(err, store.ErrRequestRejected)) {
				done = append(done, finished{job: j, tooLarge: true})
			} else {
				left = append(left, j)
			}
		}
		return done, left, true
	}
	done, left = f.read(ctx, jobs, results)
	return done, left, true
}

// read reads what Redis has answered to jobs.
func (f *finisher) read(ctx context.Context, jobs []job, results []store.Finished) (done []finished, left []job) {
	var err error
	for i, r := range results {
		j := jobs[i]
		if r.Err != nil {
			err = r.Err
			if j.op.TakeNext {
				done = append(done, finished{job: j, refused: true})
			}
			j.op.TakeNext = false
			left = append(left, j)
			continue
		}
		if j.op.How == store.Fail {
			f.expiry.Report(r.Expiry)
		}
		outlive(ctx, f.link, f.log, f.keys, j.op.Run.Type, r.Entry)
		done = append(done, finished{job: j, taken: r.Taken, gone: r.Gone, sure: !j.op.Unsure, dropped: r.Dropped})
	}
	f.health.Report(err)
	return done, left
}
