package fleettest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// account checks every entry and every run.
func (c *chaos) account() {
	c.noteLateAnswers()
	runs, records := c.runs(), c.failed()
	var pushed, missing, started, repeated, beside, crashed int
	for n, e := range c.entries {
		a := &chaosAccount{chaos: c, number: n, entry: e, runs: runs[n], records: records[n]}
		a.check()
		pushed += e.pushed
		missing += a.missing
		started += len(a.runs)
		repeated += a.repeated
		beside += a.beside
		crashed += a.crashed
	}
	c.t.Logf("%v", c.done)
	c.t.Logf("%d pushed, %d missing, %d runs, %d of them repeats, %d beside another, %d crashed", pushed, missing, started, repeated, beside, crashed)
	for _, key := range c.redis.Keys(c.t, "*") {
		if !strings.HasSuffix(key, ":failed") && c.redis.Do(c.t, "PTTL", key) == int64(-1) {
			c.t.Errorf("left in redis: %s", key)
		}
	}
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("05.000")
}

// String implements fmt.Stringer.
func (s span) String() string { return s.what + " " + clock(s.begin) + " to " + clock(s.end) }

var lateAnswer = regexp.MustCompile(`(?m)^(\S+ \S+) WARN  lost connection to redis.*i/o timeout`)

// noteLateAnswers adds the times in which Redis did not answer a host in time, though the
// test did nothing to it: this machine was too busy. The host cannot renew its lease then,
// and its entries may run again.
func (c *chaos) noteLateAnswers() {
	c.t.Helper()
	for _, h := range c.hosts {
		for _, d := range h.daemons {
			for _, m := range lateAnswer.FindAllStringSubmatch(d.Printed(), -1) {
				at, err := time.Parse("2006-01-02 15:04:05.000-07:00", m[1])
				if err != nil {
					c.t.Fatal(err)
				}
				h.troubles = append(h.troubles, span{at.Add(-leaseTime), at.Add(leaseTime), "late answer"})
				c.done["late answer"]++
			}
		}
	}
}

// chaosAccount is what became of the entries of one number.
type chaosAccount struct {
	*chaos
	number                             int
	entry                              chaosEntry
	runs                               []*chaosRun
	records                            []chaosRecord
	missing, repeated, beside, crashed int
}

func (a *chaosAccount) wrong(format string, args ...any) {
	a.t.Helper()
	var text strings.Builder
	for _, r := range a.runs {
		fmt.Fprintf(&text, "\n  run %s, attempt %d, on_crash %s, on_lease_loss %s: from %s to %s %s", r.task, r.attempt, r.onCrash, r.onLoss, clock(r.began), clock(r.ended), r.result)
	}
	for _, h := range a.hosts {
		for _, r := range a.runs {
			if r.host == h.name {
				fmt.Fprintf(&text, "\n  troubles of %s: %v", h.name, h.troubles)
				break
			}
		}
	}
	a.t.Errorf("entry %d of %s (%d failures, pushed %d times): %s\n  records %+v%s\n  lost writes: %v",
		a.number, a.entry.typ.name, a.entry.failures, a.entry.pushed, fmt.Sprintf(format, args...), a.records, text.String(), a.lost)
}

func (a *chaosAccount) check() {
	ended := 0
	for _, r := range a.runs {
		if r.result == "ok" {
			ended++
		}
		if r.attempt > a.entry.typ.attempts {
			a.wrong("attempt %d", r.attempt)
		}
	}
	if a.missing = max(0, a.entry.pushed-ended-len(a.records)); a.missing > 0 {
		a.wrong("%d are missing", a.missing)
	}
	// A Redis that has put an entry back into its queue has made two of it.
	if len(a.records) > a.entry.pushed && !slices.ContainsFunc(a.runs, a.inLostWrites) {
		a.wrong("there is a second record")
	}
	for _, r := range a.records {
		a.checkRecord(r)
	}
	if a.entry.pushed == 1 { // runs of equal entries cannot be told apart
		a.checkRepeats()
	}
}

func (a *chaosAccount) checkRecord(r chaosRecord) {
	switch {
	case r.Outcome == "crashed" || r.Outcome == "stopped":
		a.crashed++
		fails := a.entry.typ.onCrash == "fail" || a.entry.typ.onCrash == ""
		// An entry that may run again is given up when three daemons have died with it.
		if !fails && (len(a.runs) < 3 || a.deaths < 3) {
			a.wrong("it was given up: %s", r.Message)
		}
	case r.Outcome == "failed" && a.entry.failures >= a.entry.typ.attempts && r.Attempt == a.entry.typ.attempts:
	default:
		a.wrong("a record that cannot be: %+v", r)
	}
}

// checkRepeats looks at each run after which the same attempt was started again: there
// has to be a reason, and one for each moment at which two of them ran.
func (a *chaosAccount) checkRepeats() {
	for i, first := range a.runs {
		for _, second := range a.runs[i+1:] {
			if second.attempt != first.attempt {
				if second.attempt < first.attempt && !a.excused(first, second) {
					a.wrong("attempt %d after attempt %d", second.attempt, first.attempt)
				}
				continue
			}
			a.repeated++
			switch {
			case !a.excused(first, second):
				a.wrong("it ran again without a reason: %s after %s", second.task, first.task)
			case first.onCrash == "fail" && !a.inLostWrites(first):
				a.wrong("it must not run twice: %s after %s", second.task, first.task)
			}
			if second.began.Before(first.ended) {
				a.beside++
				if !a.mayOverlap(first, second) {
					a.wrong("%s ran beside %s", second.task, first.task)
				}
			}
		}
	}
}

// around widens a span by what passes between an event and its note on a busy machine.
const around = 500 * time.Millisecond

// inLostWrites reports whether Redis has lost what it knew of the start or the end of a
// run: it may have put the entry back into its queue.
func (a *chaosAccount) inLostWrites(r *chaosRun) bool {
	for _, s := range a.lost {
		if s.meets(r.began.Add(-around), r.began.Add(around)) || !r.ended.IsZero() && s.meets(r.ended.Add(-around), r.ended.Add(around)) {
			return true
		}
	}
	return false
}

// excused reports whether there was trouble between the start of a run and that of the
// next one of the same entry.
func (a *chaosAccount) excused(first, second *chaosRun) bool {
	return a.inLostWrites(first) || a.troubled(first, second)
}

// troubled reports whether the host of the first run was in trouble before the second
// began.
func (a *chaosAccount) troubled(first, second *chaosRun) bool {
	for _, h := range a.hosts {
		if h.name != first.host {
			continue
		}
		for _, s := range h.troubles {
			if s.meets(first.began.Add(-around), second.began.Add(around)) {
				return true
			}
		}
	}
	return false
}

// mayOverlap reports whether two runs may have been beside each other: the host of the
// first was frozen or cut off for long enough to be taken for dead, or Redis has put
// the entry back. With on_lease_loss = "stop", a host that is cut off ends its tasks
// before that.
func (a *chaosAccount) mayOverlap(first, second *chaosRun) bool {
	if a.inLostWrites(first) {
		return true
	}
	from, to := first.began.Add(-around), second.began.Add(around)
	stops := first.onLoss == "stop" && !slices.ContainsFunc(a.vanished, func(s span) bool { return s.meets(from, to) })
	for _, h := range a.hosts {
		if h.name != first.host {
			continue
		}
		for _, s := range h.troubles {
			long := s.end.IsZero() || s.end.Sub(s.begin) > time.Second
			if long && s.meets(from, to) && (s.what == "frozen" || !stops) {
				return true
			}
		}
	}
	return false
}
