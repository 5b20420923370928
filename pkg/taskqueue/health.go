package taskqueue

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// health gathers what all connections to one Redis meet, and logs one line when
// that state changes: fit, unreachable, or refusing with a certain code.
type health struct {
	log     *slog.Logger
	address string
	// doubt has a value when a connection was in trouble: others may be as well.
	doubt chan struct{}

	mu     sync.Mutex
	faults map[any]string // who is in trouble, and the kind of it
	cannot []string       // types that this host cannot start tasks of, sorted
	kind   string         // what was logged last; "" = fit
	since  time.Time
}

func newHealth(log *slog.Logger, address string) *health {
	return &health{log: log, address: address, doubt: make(chan struct{}, 1), faults: make(map[any]string)}
}

// report notes how the last attempt of who ended; who is any comparable value
// that stands for a connection.
func (h *health) report(who any, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.faults, who)
		if len(h.faults) == 0 && h.kind != "" {
			h.log.Info("redis is back", "address", h.address, output.KeyDuration, time.Since(h.since), output.KeyMessageID, output.MsgRedisBack)
			h.kind = ""
		}
		return
	}
	select {
	case h.doubt <- struct{}{}:
	default: // there is doubt already
	}
	kind := kindOf(err)
	told := h.meets(kind)
	h.faults[who] = kind
	if told && h.meets(h.kind) {
		return // two troubles at once must not take turns in the log
	}
	if h.kind == "" {
		h.since = time.Now()
	}
	h.kind = kind
	if told {
		return
	}
	h.log.Warn(describe(kind), "address", h.address, output.KeyError, err.Error(), output.KeyMessageID, output.MsgRedisLost)
}

// meets tells whether any connection is in trouble of this kind.
func (h *health) meets(kind string) bool {
	return slices.Contains(slices.Collect(maps.Values(h.faults)), kind)
}

// forget drops what a connection reported that is used no more.
func (h *health) forget(who any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.faults, who)
	if len(h.faults) == 0 {
		h.kind = ""
	}
}

// unfit notes whether this host cannot start tasks of a type.
func (h *health) unfit(taskType string, on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, there := slices.BinarySearch(h.cannot, taskType)
	switch {
	case on && !there:
		h.cannot = slices.Insert(h.cannot, at, taskType)
	case !on && there:
		h.cannot = slices.Delete(h.cannot, at, at+1)
	}
}

// status is the state in a few words, for STATUS=.
func (h *health) status() string {
	status := "redis " + h.state()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.cannot) > 0 {
		status += "; cannot start here: " + strings.Join(h.cannot, ", ")
	}
	return status
}

// state is the same for the statistics.
func (h *health) state() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.kind {
	case "":
		return "ok"
	case unreachable:
		return "not reachable"
	default:
		return "refuses (" + h.kind + ")"
	}
}

// unreachable is the kind of all errors that are not the server's own.
const unreachable = "unreachable"

func kindOf(err error) string {
	var reply *store.ReplyError
	if !errors.As(err, &reply) {
		return unreachable
	}
	if reply.Code == "UNBLOCKED" {
		return "READONLY" // what a demoted master says to those that wait
	}
	return reply.Code
}

func describe(kind string) string {
	if kind == unreachable {
		return "redis is lost, trying again; running tasks go on"
	}
	return "redis refuses, trying again; running tasks go on"
}
