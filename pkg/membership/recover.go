package membership

// How the entries of a dead instance come back, and how people learn of those that do not.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// death is the end of an instance.
type death struct {
	store.Instance
	// certain is set if its process has ended. Otherwise its lease has ended, and it
	// may be alive and cut off.
	certain bool
	// orderly is set if it ended by itself while Redis did not take its results.
	orderly bool
}

// recover moves all entries of a dead instance, and takes it off the record when none is
// left.
//
// Power loss here: each entry is moved in one step, and the instance stays on record
// until all were moved, so the next recoverer goes on.
func (r *Recoverer) recover(ctx context.Context, log *slog.Logger, dead death) error {
	var refused []error
	for taskType := range dead.Types {
		alive, err := r.recoverType(ctx, log, dead, taskType)
		switch {
		case alive:
			return nil
		case store.Refused(err):
			refused = append(refused, err)
		case err != nil:
			return err
		}
	}
	if len(refused) > 0 {
		return errors.Join(refused...)
	}
	return r.link.Use(ctx, func(c *store.Conn) error { return c.ForgetDead(r.Keys, dead.ID, dead.certain) })
}

// recoverType moves the entries of one type.
func (r *Recoverer) recoverType(ctx context.Context, log *slog.Logger, dead death, taskType string) (alive bool, err error) {
	requeued := 0
	defer func() {
		if requeued > 0 {
			log.Warn("requeued the entries of a dead instance",
				output.KeyTaskType, taskType, "entries", requeued, output.KeyMessageID, output.MsgRecovered)
		}
	}()
	err = r.eachFilled(ctx, dead.Instance, taskType, func(list int) error {
		result, err := r.recoverList(ctx, log, dead, taskType, list)
		switch {
		case err != nil:
			return err
		case result == store.RecoveredAlive:
			return errAlive
		case result == store.Requeued:
			requeued++
		}
		return nil
	})
	if errors.Is(err, errAlive) {
		return true, nil
	}
	return false, err
}

var errAlive = errors.New("the instance is alive")

// eachFilled calls do for each run list of a type that is not empty.
func (r *Recoverer) eachFilled(ctx context.Context, dead store.Instance, taskType string, do func(list int) error) error {
	lists := dead.Types[taskType].Lists
	for first := 0; first < lists; first += store.FilledBatch {
		var filled []int
		if err := r.link.Use(ctx, func(c *store.Conn) (err error) {
			filled, err = c.Filled(r.Keys, taskType, dead.ID, first, lists)
			return err
		}); err != nil {
			return err
		}
		for _, list := range filled {
			if err := do(list); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// keep returns the limits of the failed list of a type. Its size is known only if this
// instance serves the type, too.
func (r *Recoverer) keep(taskType string, t store.InstanceType) store.Keep {
	return r.Keep(taskType, max(time.Duration(t.FailedTTL)*time.Second, store.NeverRan))
}

// recoverList moves the entry of one run list, if there is one.
func (r *Recoverer) recoverList(ctx context.Context, log *slog.Logger, dead death, taskType string, list int) (store.Recovered, error) {
	rec := store.Recovery{
		Dead: dead.ID, Type: taskType, List: list, Certain: dead.certain, Keep: r.keep(taskType, dead.Types[taskType]),
	}
	var left store.Remains
	err := r.link.Use(ctx, func(c *store.Conn) (err error) {
		left, err = c.Inspect(r.Keys, taskType, dead.ID, list)
		return err
	})
	if err != nil || left.Entry == nil {
		return store.RecoveredNothing, err
	}
	defer r.Used(len(left.Entry))
	reason := fate(&rec, left, dead)
	result, err := r.send(ctx, log, rec)
	if err == nil && result == store.Failed {
		r.abandon(rec, reason)
	}
	return result, err
}

// send carries out a recovery, and tries again at once when the connection breaks: people
// have to learn of an entry that may just have been put on the failed list. If it breaks
// again because Redis does not accept the bytes that replace the entry, the entry is
// moved as it is, which sends none of its bytes.
func (r *Recoverer) send(ctx context.Context, log *slog.Logger, rec store.Recovery) (result store.Recovered, err error) {
	const most = 6
	for attempt := range most {
		if attempt == most-1 || errors.Is(err, store.ErrRequestRejected) {
			log.Error("redis refused an entry with its crash count; moved it without the count",
				output.KeyTaskType, rec.Type, "bytes", len(rec.Record), output.KeyError, err.Error())
			rec.Record = nil
		}
		sent := false
		err = r.link.Use(ctx, func(c *store.Conn) (err error) {
			sent = true
			result, err = c.Recover(r.Keys, rec)
			return err
		})
		if err == nil && attempt > 0 && result == store.RecoveredNothing {
			// It was moved before the connection broke, by this attempt or by somebody
			// else. To tell of it twice is better than not at all.
			return map[bool]store.Recovered{true: store.Failed, false: store.Requeued}[rec.Fail], nil
		}
		over := attempt == 1 && store.Fits(rec.Record)
		if err == nil || !sent || store.Refused(err) || over || ctx.Err() != nil {
			break
		}
	}
	return result, err
}

// fate decides whether an entry that a dead instance has left runs again, and returns why it
// does not. Only a death is counted: an entry can neither have cut off its host,
// nor have kept Redis from taking its result.
func fate(rec *store.Recovery, left store.Remains, dead death) (reason string) {
	forbidden := left.Note.Fail || !left.Noted && dead.Types[rec.Type].FailOnCrash
	f := entry.Failure{Outcome: string(entry.OutcomeCrashed)}
	if left.Noted {
		f.TaskID = TaskID(rec.Dead, rec.Type, left.Note.Number)
	}
	past, unreadable := entry.PastOf(left.Entry)
	past = past.Crashed(left.Now, store.RecoveryWindow)
	rec.Entry, rec.Fail = left.Entry, true
	switch counted := dead.certain && !dead.orderly; {
	case forbidden:
		f.Message = fmt.Sprintf("%s (instance %s), and on_crash = \"fail\" forbids a second run", dead.how(), rec.Dead)
	case !counted:
		rec.Fail = false
		return ""
	case unreadable != nil:
		// It has nowhere to keep a count, and would not run.
		f.Outcome, f.Message = string(entry.OutcomeUnreadable), unreadable.Error()
	case past.Crashes < store.RecoveryLimit:
		rec.Fail, rec.Record = false, entry.WithPast(store.MaxString, left.Entry, past)
		return ""
	default:
		f.Message = fmt.Sprintf("gordon died %d times within %v while this task ran (last: instance %s); it is not run again because it may be the cause",
			past.Crashes, store.RecoveryWindow, rec.Dead)
	}
	rec.Record = entry.Failed(store.MaxString, left.Entry, f)
	return f.Message
}

// how describes how a run was cut short.
func (d death) how() string {
	switch {
	case d.orderly:
		return "redis did not accept the result of this task before gordon stopped"
	case d.certain:
		return "gordon died while this task ran"
	default:
		return "gordon died or lost redis while this task ran"
	}
}

// abandon counts and logs an entry that is not run again. notify runs the error_script.
func (r *Recoverer) abandon(rec store.Recovery, reason string) {
	r.Counted()
	r.Log.Error("entry is not run again", output.KeyTaskType, rec.Type, output.KeyError, reason, output.KeyMessageID, output.MsgTaskFailed)
	r.abandoned = append(r.abandoned, Abandoned{rec.Type, rec.Entry, reason})
}

// notify runs the error_script for the entries that were abandoned since. Each run may take
// long: neither a start nor the entries that run again wait for it.
func (r *Recoverer) notify(ctx context.Context) {
	defer r.notice.Rest()
	for _, a := range r.abandoned {
		r.notice.Within(r.NoticeTimeout())
		r.Notify(ctx, a)
		r.Used(len(a.Entry))
	}
	r.abandoned = nil
}
