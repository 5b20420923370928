package membership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

const (
	// leftoverTimeout bounds the wait for killed processes of a dead instance. If one
	// of them does not die (in the middle of a failing disk access, for instance), the
	// entries of the instance stay where they are until the next round.
	leftoverTimeout = 2 * time.Second
	// unreadableLines bounds the log lines about records in one round: anybody may
	// have written any number of them.
	unreadableLines = 10
)

// Recoverer is the actor that brings back the entries of dead instances: of instances of
// this machine at once, of others when their lease has ended.
type Recoverer struct {
	RecovererOptions
	link   *store.Link
	health *loop.Source
	// notice is the wait for a notice.
	notice loop.Pulse

	// owned by Run, and by the caller of Look before that
	unreadable int         // how many records could not be read the last time
	abandoned  []Abandoned // entries of which Abandon has yet to be called
}

// RecovererOptions configure a recoverer.
type RecovererOptions struct {
	Keys  store.Keys
	Self  string // the id of this instance
	Host  Identity
	Log   *slog.Logger
	Times store.Times
	Ended *Ended
	// Steadily is [Registrar.Steadily].
	Steadily func() (server string, long time.Duration)
	// Keep returns the limits of the failed list of a type, for a record that is kept for
	// ttl.
	Keep func(taskType string, ttl time.Duration) store.Keep
	// Counted is called for each entry that is not run again.
	Counted func()
	// Notify runs the error_script for such an entry. It returns within NoticeTimeout.
	Notify        func(ctx context.Context, a Abandoned)
	NoticeTimeout func() time.Duration
	// Used is told the size of each entry that was read, when it is done with.
	Used func(bytes int)
}

// Abandoned is an entry that is not run again.
type Abandoned struct {
	Type   string
	Entry  []byte
	Reason string
}

// NewRecoverer returns a recoverer that uses a connection of its own.
func NewRecoverer(client *store.Client, h *loop.Health, o RecovererOptions) *Recoverer {
	return &Recoverer{RecovererOptions: o, link: client.Link(), health: h.Source()}
}

// Run looks for dead instances until ctx ends.
func (r *Recoverer) Run(ctx context.Context) error {
	tick := time.NewTicker(r.Times.Renewal())
	defer tick.Stop()
	var pace loop.Pacer
	var again <-chan time.Time
	for {
		r.notify(ctx)
		select {
		case <-ctx.Done():
			return loop.CloseLink(r.link)
		case <-tick.C:
		case <-again:
		}
		again = nil
		if r.Look(ctx) {
			pace.Reset()
		} else {
			again = time.After(pace.Next())
		}
	}
}

// Hangs returns an error if the recoverer does not move.
func (r *Recoverer) Hangs() error {
	return cmp.Or(loop.Hangs("the recoverer", r.link.BusyUntil()), loop.Hangs("the error_script of the recoverer", r.notice.Until()))
}

// Look looks at every instance on record once, and reports whether it could. A fault of
// one instance alone can wait for the next round. Look does not wait for notices; Run
// sends them. It may be called before Run.
func (r *Recoverer) Look(ctx context.Context) (looked bool) {
	var instances []store.Instance
	var unreadable []error
	err := r.link.Use(ctx, func(c *store.Conn) (err error) {
		instances, unreadable, err = c.Instances(r.Keys)
		return err
	})
	var refused []error
	for _, other := range instances {
		if err != nil || ctx.Err() != nil || other.ID == r.Self {
			continue
		}
		// Redis may refuse commands for one of them (a queue that is no list):
		// the entries of the others must not wait for that.
		if fault := r.consider(ctx, other); store.Refused(fault) {
			refused = append(refused, fault)
		} else {
			err = fault
		}
	}
	if ctx.Err() != nil {
		return false // an interrupted command proves nothing about Redis
	}
	looked = err == nil
	if looked {
		r.logUnreadable(unreadable)
		err = errors.Join(refused...)
	}
	r.health.Report(err)
	return looked
}

// logUnreadable logs records that cannot be read, when their number has changed.
func (r *Recoverer) logUnreadable(faults []error) {
	if len(faults) == r.unreadable {
		return
	}
	r.unreadable = len(faults)
	for _, err := range faults[:min(len(faults), unreadableLines)] {
		r.Log.Warn("the record of an instance is invalid", output.KeyError, err.Error(), "records", len(faults))
	}
}

// consider recovers an instance if it is dead. If that is not certain (another machine,
// another container, a process that is hidden), the instance counts as dead when its
// lease has ended although this side could renew its own throughout.
func (r *Recoverer) consider(ctx context.Context, other store.Instance) error {
	state := r.Host.State(other.Identity)
	certain := state == host.Dead || r.Ended.has(other.ID)
	if !certain {
		if state == host.Alive {
			return nil
		}
		gone, err := r.leaseGone(ctx, other.ID)
		if err != nil || !gone {
			return err
		}
	}
	log := r.Log.With("instance", other.ID, "host", other.Hostname, "pid", other.PID)
	if lives, err := r.mayLive(ctx, log, other.ID, certain); err != nil || lives {
		return err
	}
	dead := death{Instance: other, certain: certain, orderly: r.Ended.orderly(other.ID)}
	cut, err := r.unfinished(ctx, other)
	if err != nil {
		return err
	}
	killed, err := r.killLeftovers(ctx, other, cut)
	if err != nil {
		log.Warn("failed to kill processes of a dead instance; its entries wait", output.KeyError, err.Error())
		return nil
	}
	if killed > 0 {
		log.Warn("killed left-over tasks of a dead instance", "processes", killed)
	}
	if err := r.recover(ctx, log, dead); err != nil {
		return err
	}
	r.Ended.forget(other.ID)
	return nil
}

// mayLive closes the connections of an instance that is taken for dead, and reports
// whether it may live nevertheless. A dead instance has none, unless Redis has not
// noticed yet, and makes no new ones. If it lives, its record or its lease was changed by
// others; with its next connection, when it renews the lease at the latest, it corrects
// both. So an instance that had connections is left alone for that time, whichever
// host closed them.
func (r *Recoverer) mayLive(ctx context.Context, log *slog.Logger, id string, certain bool) (may bool, err error) {
	var dropped int
	err = r.link.Use(ctx, func(c *store.Conn) (err error) {
		if dropped, err = c.FenceInstance(r.Keys, id, r.Times.Revival()); err != nil {
			return err
		}
		may, err = c.Lives(r.Keys, id, certain)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("close the connections of instance %s: %w", id, err)
	}
	if dropped > 0 {
		log.Warn("an instance that looks dead still had connections (closed now); its entries are recovered unless it comes back", "connections", dropped)
	}
	return may || dropped > 0, nil
}

// leaseGone reports whether an instance has not renewed its lease although it could: this
// instance did all the time, with the server that is asked.
func (r *Recoverer) leaseGone(ctx context.Context, id string) (gone bool, err error) {
	err = r.link.Use(ctx, func(c *store.Conn) error {
		lives, err := c.Lives(r.Keys, id, false)
		if err != nil || lives {
			return err
		}
		server, long := r.Steadily()
		if long <= r.Times.Watched() {
			return nil
		}
		asked, err := c.ServerRun()
		gone = asked == server
		return err
	})
	return gone && err == nil, err
}

// unfinished returns the ids of the runs of a dead instance whose entry is still in a run
// list. It is nil if they are not known: a run list has no note, or may not be read.
func (r *Recoverer) unfinished(ctx context.Context, dead store.Instance) (runs map[string]bool, err error) {
	runs = make(map[string]bool)
	known := true
	for taskType := range dead.Types {
		err := r.eachFilled(ctx, dead, taskType, func(list int) error {
			return r.link.Use(ctx, func(c *store.Conn) error {
				note, noted, err := c.Note(r.Keys, taskType, dead.ID, list)
				runs[TaskID(dead.ID, taskType, note.Number)] = true
				known = known && noted
				return err
			})
		})
		known = known && err == nil
		if err != nil && !store.Refused(err) {
			return nil, err
		}
	}
	if !known {
		return nil, nil
	}
	return runs, nil
}

// killLeftovers ends the processes of a dead instance that still run here, so that the
// second run of an entry never meets the first. Processes that a finished task has left
// running on purpose stay. After a reboot, and of another machine, there are none.
func (r *Recoverer) killLeftovers(ctx context.Context, dead store.Instance, runs map[string]bool) (int, error) {
	if dead.BootID != r.Host.BootID || runs != nil && len(runs) == 0 {
		return 0, nil
	}
	if !complete.MatchString(dead.ID) {
		return 0, nil // no gordon has such an id, so that no process is of it
	}
	ctx, cancel := context.WithTimeout(ctx, leftoverTimeout)
	defer cancel()
	return proctree.KillMarked(ctx, func(marker string) bool {
		if strings.HasPrefix(marker, r.Self+".") {
			return false
		}
		return runs[marker] || runs == nil && strings.HasPrefix(marker, dead.ID+".")
	})
}
