package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

const (
	// leftoverPatience bounds the wait for killed processes of a dead instance.
	// One that does not die (in the middle of a failing disk access, say) keeps
	// its instance's entries where they are until the next look.
	leftoverPatience = 2 * time.Second
)

// recoverer brings back the entries of dead instances: of this machine at once,
// of others when their lease is gone.
type recoverer struct {
	keys     store.Keys
	self     string
	host     host.Identity
	log      *slog.Logger
	counters *stats.Counters
	link     *store.Link
	health   *loop.Source
	pulse    loop.Pulse
	times    Times
	memory   *memory
	// unreadable is how many records could not be read the last time; it belongs
	// to Run.
	unreadable int
	ended      *ended
	// steadily is [registrar.steadily].
	steadily func() (server string, long time.Duration)
	// settings say how failures are told; the newest ones count.
	settings atomic.Pointer[Settings]
	// untold are entries that are not run again and of which the error_script has yet
	// to be told; they belong to whoever looks.
	untold []abandoned
}

// Run looks for dead instances until ctx ends.
func (r *recoverer) Run(ctx context.Context) error {
	tick := time.NewTicker(r.times.renew())
	defer tick.Stop()
	var pace loop.Pacer
	var again <-chan time.Time
	for {
		r.notify(ctx)
		select {
		case <-ctx.Done():
			return closeLink(r.link)
		case <-tick.C:
		case <-again:
		}
		again = nil
		if r.look(ctx) {
			pace.Reset()
		} else {
			again = time.After(pace.Next())
		}
	}
}

// look looks at every instance on record once. It tells whether it could: what
// concerns one of them alone can wait for the next round. The error_script is not
// waited for; see notify.
func (r *recoverer) look(ctx context.Context) (looked bool) {
	defer r.pulse.Rest()
	r.pulse.Within(4 * r.times.IO)
	var instances []store.Instance
	var unreadable []error
	err := r.link.Use(ctx, func(c *store.Conn) (err error) {
		instances, unreadable, err = c.Instances(r.keys)
		return err
	})
	var refused []error
	for _, other := range instances {
		if err != nil || ctx.Err() != nil || other.ID == r.self {
			continue
		}
		r.pulse.Within(4 * r.times.IO)
		// Redis may refuse what concerns one of them (a queue that is no list):
		// the entries of the others must not wait for that.
		if fault := r.consider(ctx, other); store.Refused(fault) {
			refused = append(refused, fault)
		} else {
			err = fault
		}
	}
	if ctx.Err() != nil {
		return false // what was cut short says nothing of Redis
	}
	looked = err == nil
	if looked {
		r.sayUnreadable(unreadable)
		err = errors.Join(refused...)
	}
	r.health.Report(err)
	return looked
}

// unreadableLines bounds what is said of records at once: anybody may have
// written them, in any number.
const unreadableLines = 10

// sayUnreadable logs records that cannot be read, when their number has changed.
func (r *recoverer) sayUnreadable(faults []error) {
	if len(faults) == r.unreadable {
		return
	}
	r.unreadable = len(faults)
	for _, err := range faults[:min(len(faults), unreadableLines)] {
		r.log.Warn("the record of an instance cannot be read", output.KeyError, err.Error(), "records", len(faults))
	}
}

// consider recovers an instance that is dead. What is not certain (another
// machine, another container, a process that is hidden) counts as dead when its lease
// is gone although this side could renew its own throughout.
func (r *recoverer) consider(ctx context.Context, other store.Instance) error {
	them := identity(other)
	state := r.host.State(them)
	certain := state == host.Dead || r.ended.has(other.ID)
	if !certain {
		if state == host.Alive {
			return nil
		}
		gone, err := r.leaseGone(ctx, other.ID)
		if err != nil || !gone {
			return err
		}
	}
	log := r.log.With("instance", other.ID, "host", other.Host, "pid", other.PID)
	if lives, err := r.mayLive(ctx, log, other.ID, certain); err != nil || lives {
		return err
	}
	dead := death{Instance: other, certain: certain, orderly: r.ended.orderly(other.ID)}
	cut, err := r.unfinished(ctx, other)
	if err != nil {
		return err
	}
	killed, err := r.killLeftovers(ctx, other, cut)
	if err != nil {
		log.Warn("processes of a dead instance cannot be ended, its entries wait", output.KeyError, err.Error())
		return nil
	}
	if killed > 0 {
		log.Warn("ended what a dead instance had left running", "processes", killed)
	}
	if err := r.recover(ctx, log, dead); err != nil {
		return err
	}
	r.ended.forget(other.ID)
	return nil
}

// mayLive closes the connections of an instance that is taken for dead, and reports
// whether it may live for all that. The dead have none, unless Redis has not noticed
// yet, and make no new ones. If it lives, its record or its lease is not what it
// wrote; with its next connection, when it renews the lease at the latest, it puts
// both right. So what had connections is left alone for that time, whichever host
// closed them.
func (r *recoverer) mayLive(ctx context.Context, log *slog.Logger, id string, certain bool) (may bool, err error) {
	var dropped int
	err = r.link.Use(ctx, func(c *store.Conn) (err error) {
		if dropped, err = c.FenceInstance(r.keys, id, r.times.revival()); err != nil {
			return err
		}
		may, err = c.Lives(r.keys, id, certain)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("close the connections of instance %s: %w", id, err)
	}
	if dropped > 0 {
		log.Warn("an instance that looks dead still had connections; unless it comes back, its entries are recovered before long", "connections", dropped)
	}
	return may || dropped > 0, nil
}

// leaseGone reports whether an instance has not renewed its lease although it could: this
// one did all the time, with the server that is asked.
func (r *recoverer) leaseGone(ctx context.Context, id string) (gone bool, err error) {
	err = r.link.Use(ctx, func(c *store.Conn) error {
		lives, err := c.Lives(r.keys, id, false)
		if err != nil || lives {
			return err
		}
		server, long := r.steadily()
		if long <= r.times.watched() {
			return nil
		}
		asked, err := c.ServerRun()
		gone = asked == server
		return err
	})
	return gone && err == nil, err
}

// unfinished returns the runs of a dead instance whose entry is still in a run list,
// as GORDON_TASK_ID has them. It is nil where that cannot be told: a run list has no
// note, or may not be read.
func (r *recoverer) unfinished(ctx context.Context, dead store.Instance) (runs map[string]bool, err error) {
	runs = make(map[string]bool)
	known := true
	for taskType := range dead.Types {
		err := r.eachFilled(ctx, dead, taskType, func(list int) error {
			return r.link.Use(ctx, func(c *store.Conn) error {
				note, noted, err := c.Note(r.keys, taskType, dead.ID, list)
				runs[taskID(dead.ID, taskType, note.Number)] = true
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

// killLeftovers ends what still runs here of a dead instance, so that an entry's
// second run never meets its first. What a task that had ended has left running on
// purpose stays. After a reboot, and of another machine, there is nothing to be found.
func (r *recoverer) killLeftovers(ctx context.Context, dead store.Instance, runs map[string]bool) (int, error) {
	if dead.BootID != r.host.BootID || runs != nil && len(runs) == 0 {
		return 0, nil
	}
	if !complete.MatchString(dead.ID) {
		return 0, nil // no gordon has such an id, so that no process is of it
	}
	ctx, cancel := context.WithTimeout(ctx, leftoverPatience)
	defer cancel()
	return runner.KillMarked(ctx, func(marker string) bool {
		if strings.HasPrefix(marker, r.self+".") {
			return false
		}
		return runs[marker] || runs == nil && strings.HasPrefix(marker, dead.ID+".")
	})
}

// complete matches an id that ends with its nonce. A record with less, which
// anybody may have written, could have the beginning of a living instance's id,
// and have its tasks killed.
var complete = regexp.MustCompile(`-[0-9a-f]{8}$`)
