package loop

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

// Health is the state of one Redis: all connections to it report to their [Source]
// how their last attempt ended. Health logs one line when that state changes: usable,
// unreachable, or refusing with a certain code. It is safe for concurrent use.
type Health struct {
	log     *slog.Logger
	address string
	doubt   chan struct{}

	mu     sync.Mutex
	faults map[*Source]string // the sources in trouble, and the kind of trouble
	unfit  []string           // types whose tasks this host cannot start, sorted
	kind   string             // the state that was logged last; "" = usable
	since  time.Time
}

// Source is one connection, or one kind of command, that can be in trouble on its own.
type Source struct{ health *Health }

// NewHealth returns the health of the Redis at the address, which is usable at first.
func NewHealth(log *slog.Logger, address string) *Health {
	return &Health{log: log, address: address, doubt: make(chan struct{}, 1), faults: make(map[*Source]string)}
}

// Source returns a new source. Its owner closes it when it makes no more attempts.
func (h *Health) Source() *Source { return &Source{h} }

// Doubt has a value after a connection was in trouble: others may be in trouble too.
func (h *Health) Doubt() <-chan struct{} { return h.doubt }

// Report notes how the last attempt of a source ended.
func (s *Source) Report(err error) {
	h := s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.recovered(s)
		return
	}
	select {
	case h.doubt <- struct{}{}:
	default: // there is doubt already
	}
	kind := kindOf(err)
	known := h.meets(kind)
	h.faults[s] = kind
	if known && h.meets(h.kind) {
		return // two troubles at once must not take turns in the log
	}
	if h.kind == "" {
		h.since = time.Now()
	}
	h.kind = kind
	if known {
		return
	}
	h.log.Warn(describe(kind), "address", h.address, output.KeyError, err.Error(), output.KeyMessageID, output.MsgRedisLost)
}

// recovered notes that a source is no longer in trouble.
func (h *Health) recovered(s *Source) {
	delete(h.faults, s)
	if len(h.faults) == 0 && h.kind != "" {
		h.log.Info("reconnected to redis", "address", h.address, output.KeyDuration, time.Since(h.since), output.KeyMessageID, output.MsgRedisBack)
		h.kind = ""
	}
}

// Close removes the trouble of a source that makes no more attempts. That is no sign
// that Redis is back.
func (s *Source) Close() {
	h := s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.faults, s)
	if len(h.faults) == 0 {
		h.kind = ""
	}
}

// meets reports whether any source is in trouble of this kind.
func (h *Health) meets(kind string) bool {
	return slices.Contains(slices.Collect(maps.Values(h.faults)), kind)
}

// SetUnfit notes whether this host cannot start tasks of a type.
func (h *Health) SetUnfit(taskType string, on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, there := slices.BinarySearch(h.unfit, taskType)
	switch {
	case on && !there:
		h.unfit = slices.Insert(h.unfit, at, taskType)
	case !on && there:
		h.unfit = slices.Delete(h.unfit, at, at+1)
	}
}

// Status is the state in a few words, for STATUS= of systemd.
func (h *Health) Status() string {
	status := "redis " + h.State()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.unfit) > 0 {
		status += "; cannot start here: " + strings.Join(h.unfit, ", ")
	}
	return status
}

// State is the state of Redis, for the statistics: "ok", "not reachable" or the code
// with which it refuses.
func (h *Health) State() string {
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

// unreachable is the kind of all errors that are not answers of the server.
const unreachable = "unreachable"

func kindOf(err error) string {
	var reply *store.ReplyError
	if !errors.As(err, &reply) {
		return unreachable
	}
	if reply.Code == "UNBLOCKED" {
		return "READONLY" // the answer of a demoted master to blocked clients
	}
	return reply.Code
}

func describe(kind string) string {
	if kind == unreachable {
		return "lost connection to redis, reconnecting; running tasks continue"
	}
	return "redis refuses commands, retrying; running tasks continue"
}
