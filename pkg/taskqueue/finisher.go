package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// job is a result that Redis has to confirm.
type job struct {
	slot int // the index of its slot
	op   store.Finish
	// smaller is [task.Result].Smaller.
	smaller func() task.Result
	// broke is how often the connection broke on which the job was sent.
	broke int
}

const (
	// suspect is how often the connection has to break until a large record that was
	// sent with others is sent alone: Redis may not accept it.
	suspect = 2
	// convicted is how often until the record is given up, if Redis does not report
	// the reason itself: networks break, too.
	convicted = 8
)

func (j job) suspected() bool { return j.broke >= suspect && !store.Fits(j.op.Record) }

// confirmation is the answer of Redis to a job.
type confirmation struct {
	job   job
	taken store.Taken // the next entry, or none
	gone  bool        // the run list was empty already
	sure  bool        // … and no attempt of ours can have emptied it
	// dropped is how many old records the failed list has dropped because it was full.
	dropped int
	// refused is set if Redis refused the job. It is sent again and again, but takes
	// no entry any more.
	refused bool
	// tooLarge is set if Redis does not accept the record of the job, which is not sent
	// again.
	tooLarge bool
}

// finisher is the actor that carries results to Redis on a connection of its own, all
// waiting ones in one round trip, and keeps each until Redis has confirmed it.
type finisher struct {
	keys   store.Keys
	link   *store.Link
	health *loop.Source
	// expiry is the source for the TTL of failed lists. A refusal there is not tried
	// again, and no fault of the connection.
	expiry *loop.Source
	log    *slog.Logger
	times  store.Times
	jobs   chan []job
	done   chan []confirmation
}

func newFinisher(keys store.Keys, link *store.Link, h *loop.Health, log *slog.Logger, t store.Times) *finisher {
	f := &finisher{keys: keys, link: link, health: h.Source(), expiry: h.Source(), log: log, times: t, jobs: make(chan []job), done: make(chan []confirmation)}
	return f
}

// Hangs returns an error if the finisher does not move.
func (f *finisher) Hangs() error { return loop.Hangs("the finisher", f.link.BusyUntil()) }

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
			return loop.CloseLink(f.link)
		}
		var done []confirmation
		done, todo = f.attempt(ctx, todo)
		if len(todo) == 0 {
			pace.Reset()
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

// collect adds the jobs that wait. It blocks while there is none, and after a failed
// attempt for a pause or until there is a new job: a result that Redis refuses must not
// delay the others.
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

// attempt sends all jobs once, in one trip. But a job that may have broken the connection
// is sent alone, after the others. The jobs in left have to be sent again.
func (f *finisher) attempt(ctx context.Context, todo []job) (done []confirmation, left []job) {
	var trips [][]job
	var together []job
	for _, j := range todo {
		if j.suspected() {
			trips = append(trips, []job{j})
		} else {
			together = append(together, j)
		}
	}
	if len(together) > 0 {
		trips = slices.Insert(trips, 0, together)
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

// trip sends jobs in one round trip. If Redis was not reached, nothing was sent.
func (f *finisher) trip(ctx context.Context, jobs []job) (done []confirmation, left []job, reached bool) {
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
				done = append(done, confirmation{job: j, tooLarge: true})
			} else {
				left = append(left, j)
			}
		}
		return done, left, true
	}
	done, left = f.read(ctx, jobs, results)
	return done, left, true
}

// read interprets the answers of Redis to jobs.
func (f *finisher) read(ctx context.Context, jobs []job, results []store.Finished) (done []confirmation, left []job) {
	var err error
	for i, r := range results {
		j := jobs[i]
		if r.Err != nil {
			err = r.Err
			if j.op.TakeNext {
				done = append(done, confirmation{job: j, refused: true})
			}
			j.op.TakeNext = false
			left = append(left, j)
			continue
		}
		if j.op.How == store.Fail {
			f.expiry.Report(r.Expiry)
		}
		removeTTL(ctx, f.link, f.log, f.keys, j.op.Run.Type, r.Entry)
		done = append(done, confirmation{job: j, taken: r.Taken, gone: r.Gone, sure: !j.op.Unsure, dropped: r.Dropped})
	}
	f.health.Report(err)
	return done, left
}
