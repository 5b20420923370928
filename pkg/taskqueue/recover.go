package taskqueue

// How the entries of a dead instance come back, and who is told of those that do not.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// recover moves all entries of a dead instance, and takes it off the record when
// none is left.
//
// Power loss here: each entry is moved in one step, and the instance stays on
// record until all were, so whoever comes next goes on.
func (r *recoverer) recover(ctx context.Context, log *slog.Logger, dead store.Instance, certain bool) error {
	var refused []error
	for taskType, t := range dead.Types {
		alive, err := r.recoverType(ctx, log, store.Recovery{
			Dead: dead.ID, Type: taskType, Certain: certain, Fail: t.FailOnCrash, Keep: r.keep(taskType, t),
		}, t.Lists)
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
	return r.link.Use(ctx, func(c *store.Conn) error { return c.ForgetDead(r.keys, dead.ID, certain) })
}

// recoverType moves the entries of one type, which has lists run lists.
func (r *recoverer) recoverType(ctx context.Context, log *slog.Logger, rec store.Recovery, lists int) (alive bool, err error) {
	requeued := 0
	defer func() {
		if requeued > 0 {
			log.Warn("entries of a dead instance go back to the head of their queue",
				output.KeyTaskType, rec.Type, "entries", requeued, output.KeyMessageID, output.MsgRecovered)
		}
	}()
	for first := 0; first < lists; first += store.FilledBatch {
		r.pulse.within(4 * r.times.IO)
		var filled []int
		if err := r.link.Use(ctx, func(c *store.Conn) (err error) {
			filled, err = c.Filled(r.keys, rec.Type, rec.Dead, first, lists)
			return err
		}); err != nil {
			return false, err
		}
		for _, rec.List = range filled {
			result, err := r.recoverList(ctx, rec)
			if err != nil || result == store.RecoveredAlive {
				return err == nil, err
			}
			if result == store.Requeued {
				requeued++
			}
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// keep is what bounds the failed list of a type: how large it may be is known where
// this instance serves the type, too.
func (r *recoverer) keep(taskType string, t store.InstanceType) store.Keep {
	ttl := max(time.Duration(t.FailedTTL)*time.Second, store.NeverRan)
	if s := r.settings.Load(); s != nil && s.commands[taskType] != nil {
		return keep(s.commands[taskType].task, ttl)
	}
	return store.Keep{TTL: ttl}
}

// recoverList moves the entry of one run list, if there is one.
func (r *recoverer) recoverList(ctx context.Context, rec store.Recovery) (result store.Recovered, err error) {
	err = r.link.Use(ctx, func(c *store.Conn) (err error) {
		rec.Entry, err = c.Peek(r.keys.Run(rec.Type, rec.Dead, rec.List))
		if err != nil || rec.Entry == nil {
			result = store.RecoveredNothing
			return err
		}
		rec.Record = failedRecord(rec.Entry, entry.Failure{Message: crashReason(rec.Fail, rec.Dead), Outcome: string(outcomeCrashed)})
		result, err = c.Recover(r.keys, rec)
		return err
	})
	defer r.memory.used(len(rec.Entry))
	if err != nil {
		return "", err
	}
	if result == store.FailedOnCrash || result == store.Poisoned {
		r.tell(rec)
	}
	return result, nil
}

// crashReason is the error_message of an entry that is not run again.
func crashReason(fail bool, dead string) string {
	if fail {
		return fmt.Sprintf("gordon died while this ran (instance %s), and on_crash = \"fail\" forbids a second run", dead)
	}
	return fmt.Sprintf("gordon died %d times within %v while this ran (the last time instance %s): it is not run again, because it may be the cause",
		store.RecoveryLimit, store.RecoveryWindow, dead)
}

// abandoned is an entry that is not run again.
type abandoned struct {
	taskType string
	entry    []byte
	reason   string
}

// tell lets people know of an entry that is not run again; the error_script comes
// with notify.
func (r *recoverer) tell(rec store.Recovery) {
	reason := crashReason(rec.Fail, rec.Dead)
	r.counters.Abandoned(rec.Type)
	r.log.Error("an entry is not run again", output.KeyTaskType, rec.Type, output.KeyError, reason, output.KeyMessageID, output.MsgTaskFailed)
	r.untold = append(r.untold, abandoned{rec.Type, rec.Entry, reason})
}

// notify runs the error_script for what was told since. It may take long for each:
// neither a start nor the entries that run again wait for it.
func (r *recoverer) notify(ctx context.Context) {
	defer r.pulse.rest()
	for _, a := range r.untold {
		if s := r.settings.Load(); s != nil {
			r.pulse.within(output.DefaultErrorScriptTimeout + s.KillGrace)
			s.errorScript(context.Background(), r.log).Notify(ctx, a.taskType, a.entry, a.reason)
		}
		r.memory.used(len(a.entry))
	}
	r.untold = nil
}

func identity(i store.Instance) host.Identity {
	return host.Identity{
		Hostname: i.Host, MachineID: i.MachineID, BootID: i.BootID,
		PIDNamespace: i.PIDNamespace, PID: i.PID, StartTime: i.StartTime,
	}
}
