package stats

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// Counters counts runs. All methods are safe for concurrent use. The methods that a
// worker calls take no lock but that of its type, for nanoseconds.
type Counters struct {
	version string
	now     func() time.Time
	start   time.Time

	running, done, failed atomic.Int64

	redis atomic.Pointer[func() string]

	mu    sync.Mutex // serialises the writers of types
	types atomic.Pointer[typeSet]
}

// typeSet is immutable. All sets share the counters of a type.
type typeSet struct {
	counted    map[string]*typeCounters // of every type ever configured
	configured []string                 // the current types, sorted
}

type typeCounters struct {
	started atomic.Int64
	tally   *tally
}

// New returns counters that start now. now returns the time. Its monotonic part, if
// there is one, keeps the runtime right when the clock is set.
func New(version string, now func() time.Time) *Counters {
	c := &Counters{version: version, now: now, start: now()}
	c.types.Store(&typeSet{})
	return c
}

// SetTypes sets the configured types, at the start and at a reload. A new type starts
// at 0. A removed type leaves the statistics, but its runs still count in the totals, and
// its count continues if it is configured again.
func (c *Counters) SetTypes(types []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := &typeSet{
		counted:    maps.Clone(c.types.Load().counted),
		configured: slices.Compact(slices.Sorted(slices.Values(types))),
	}
	if next.counted == nil {
		next.counted = make(map[string]*typeCounters)
	}
	for _, t := range next.configured {
		if next.counted[t] == nil {
			next.counted[t] = &typeCounters{tally: newTally()}
		}
	}
	c.types.Store(next)
}

// End is what became of the entry of a run.
type End int

// The ends of a run.
const (
	Done     End = iota // the run succeeded
	Failed              // the run failed, and the entry does not run again
	Retried             // the run failed, and the entry runs again later
	Returned            // the run ended without a result: the entry went back to its queue
)

// Run is a run that has ended.
type Run struct {
	Type    string
	Outcome string
	End     End
	Took    time.Duration
	Usage   usage.Usage
}

// Started counts a run that begins. Ended has to follow.
func (c *Counters) Started(taskType string) {
	c.running.Add(1)
	if n := c.types.Load().counted[taskType]; n != nil {
		n.started.Add(1)
	}
}

// Ended counts a run that has ended.
func (c *Counters) Ended(r Run) {
	c.running.Add(-1)
	switch r.End {
	case Done:
		c.done.Add(1)
	case Failed:
		c.failed.Add(1)
	case Retried, Returned: // neither done nor failed
	}
	if n := c.types.Load().counted[r.Type]; n != nil {
		n.tally.add(r)
	}
}

// Abandoned counts an entry that failed without a run that ended here: the daemon that ran
// it has died, and it must not run again.
func (c *Counters) Abandoned() { c.failed.Add(1) }

// Snapshot is a summary of the daemon.
type Snapshot struct {
	Running int   // current runs
	Types   int   // configured
	Done    int64 // since the start
	Failed  int64 // since the start
}

// Snapshot returns the current numbers. It reads one after the other, so a run that ends
// meanwhile may be in two of them or in none.
func (c *Counters) Snapshot() Snapshot {
	return Snapshot{
		Running: int(c.running.Load()),
		Types:   len(c.types.Load().configured),
		Done:    c.done.Load(),
		Failed:  c.failed.Load(),
	}
}

// ShowRedis adds the state of Redis to the statistics. state is called for each request
// and returns "ok" or a description of the problem.
func (c *Counters) ShowRedis(state func() string) { c.redis.Store(&state) }

// report is the answer of the stats interface: the properties of Gordon 1.6.5, then
// further ones.
type report struct {
	Runtime   int64            `json:"runtime"` // s
	TaskCount map[string]int64 `json:"task_count"`
	Version   string           `json:"version"`
	// Tasks has the types of which at least one run has ended.
	Tasks map[string]typeReport `json:"tasks,omitempty"`
	// Redis is "ok" or a description of the problem.
	Redis string `json:"redis,omitempty"`
}

func (c *Counters) report() report {
	set := c.types.Load()
	r := report{
		Runtime:   int64(c.now().Sub(c.start) / time.Second),
		TaskCount: make(map[string]int64, len(set.configured)),
		Version:   c.version,
		Tasks:     make(map[string]typeReport, len(set.configured)),
	}
	for _, t := range set.configured {
		r.TaskCount[t] = set.counted[t].started.Load()
		if tally := set.counted[t].tally.report(); len(tally.Outcomes) > 0 {
			r.Tasks[t] = tally
		}
	}
	if state := c.redis.Load(); state != nil {
		r.Redis = (*state)()
	}
	return r
}
