package config

import (
	"math"
	"strings"
	"time"
)

// This file is the last step of reading a configuration: the rules of 1.x that no new
// key has.

const (
	newRelicTable  = "[stats.newrelic]" // the name of New Relic's keys in the notice
	defaultPattern = "/"
	defaultWeight  = 100
)

// The minima of the back-off, which are its defaults too.
const (
	minBackoff       = 100 // ms
	minBackoffFactor = 1.0
)

// The longest times that a [time.Duration] can hold, 292 years.
const (
	maxSeconds      = math.MaxInt64 / int64(time.Second)
	maxMilliseconds = math.MaxInt64 / int64(time.Millisecond)
)

// v1Values holds the values of the keys of 1.x for which a task's 0 means the value
// at the top, and which may be out of range.
type v1Values struct {
	failedTasksTTL         int64 // s
	backoffMin, backoffMax int64 // ms
	backoffFactor          float64
	typeName               string // the key "type" of 1.4
}

func (t *draft) readType(d *decoder, it item) {
	name, err := text(it.Raw)
	assign(d, &t.v1.typeName, name, err, it)
}

// readNewRelic accepts the table itself as well: it may be empty.
func (d *decoder) readNewRelic(it item) {
	d.ignored = append(d.ignored, newRelicTable)
	d.table(newRelicKeys(), it)
}

// applyV1 applies the rules of 1.x to the keys outside of the tasks.
func (d *decoder) applyV1(c *Config) {
	if c.TempDir == "" { // the same as not set
		c.TempDir = defaultTempDir()
		delete(d.top.own, "temp_dir")
	}
	if c.Stats.Pattern == "" {
		c.Stats.Pattern = defaultPattern
	}
	if c.RedisNetwork == "udp" {
		d.notice(d.top.at("redis_network"), `Redis does not support UDP; using "tcp"`)
	}
}

// applyV1Task applies the rules of 1.x to one task.
func (d *decoder) applyV1Task(t *draft) {
	if t.Workers < 1 {
		d.notice(t.scope.at("workers"), "%d is below the minimum; using 1", t.Workers)
		t.Workers = 1
	}
	if name := t.v1.typeName; name != "" && name != t.Type {
		d.notice(t.scope.at("type"), "has no effect: the type is the name of the table, %q", t.Type)
	}
	if d.config.MaxRunning == 0 {
		d.noticeShares(t)
	}
	d.failedTTL(t)
	d.backoff(t)
}

func (d *decoder) noticeShares(t *draft) {
	const text = "has no effect without max_running"
	if t.Priority != 0 {
		d.notice(t.scope.at("priority"), text)
	}
	if t.Weight != defaultWeight {
		d.notice(t.scope.at("weight"), text)
	}
}

// failedTTL sets the TTL of the failed list. In 1.6.5, a negative one removed the
// list with each push, so that there was no list.
func (d *decoder) failedTTL(t *draft) {
	ttl, at := pick(d, t, "failed_tasks_ttl", t.v1.failedTasksTTL, d.defaults.v1.failedTasksTTL)
	switch {
	case ttl < 0:
		d.notice(at, "%d is negative; using 0: no failed list is kept", ttl)
		ttl = 0
	case ttl > maxSeconds:
		d.notice(at, "%d is above the maximum; using %d", ttl, maxSeconds)
		ttl = maxSeconds
	}
	t.Failed.TTL = time.Duration(ttl) * time.Second
}

// backoff sets the back-off by the rules of 1.6.5: if it is enabled at the top, it is
// enabled for all tasks, and values under the minimum are raised to it.
func (d *decoder) backoff(t *draft) {
	top := d.defaults.v1
	lo, loAt := pick(d, t, "backoff_min", t.v1.backoffMin, top.backoffMin)
	hi, hiAt := pick(d, t, "backoff_max", t.v1.backoffMax, top.backoffMax)
	factor, factorAt := pick(d, t, "backoff_factor", t.v1.backoffFactor, top.backoffFactor)
	least := min(max(lo, minBackoff), maxMilliseconds)
	most := min(max(hi, least), maxMilliseconds)
	t.Backoff = Backoff{
		Enabled: t.Backoff.Enabled || d.defaults.Backoff.Enabled,
		Min:     time.Duration(least) * time.Millisecond,
		Max:     time.Duration(most) * time.Millisecond,
		Factor:  max(factor, minBackoffFactor),
	}
	if !t.Backoff.Enabled {
		return
	}
	if lo != 0 && lo != least {
		d.notice(loAt, "%d ms is out of range; using %d ms", lo, least)
	}
	if hi != 0 && hi != most {
		d.notice(hiAt, "%d ms is below backoff_min or out of range; using %d ms", hi, most)
	}
	if factor != 0 && factor != t.Backoff.Factor {
		d.notice(factorAt, "%v is below the minimum; using %v", factor, t.Backoff.Factor)
	}
}

// pick returns the task's own value and its origin, or those at the top if the task's
// is 0.
func pick[T int64 | float64](d *decoder, t *draft, name string, own, top T) (T, Origin) {
	if own != 0 {
		return own, t.scope.at(name)
	}
	return top, d.top.at(name)
}

// ignoredNotice returns one notice about all keys of 1.x without effect, or "".
func ignoredNotice(ignored []string) string {
	var keys, why []string
	seen := make(map[string]bool)
	for _, k := range ignored {
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	if len(keys) > 1 || !seen[newRelicTable] {
		why = append(why, "gordon does not poll, so it needs no interval")
	}
	if seen[newRelicTable] {
		why = append(why, "use the stats interface instead of New Relic")
	}
	return strings.Join(keys, ", ") + ": accepted without effect; " + strings.Join(why, "; ")
}
