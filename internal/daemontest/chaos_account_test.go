package daemontest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// chaosTally is what became of entries.
type chaosTally struct {
	pushed, missing, ended     int
	failed, cancelled, crashed int // the last two are among the first
	starts                     int
	repeats                    int // starts of an attempt that was started before
}

func (t *chaosTally) add(o chaosTally) {
	t.pushed += o.pushed
	t.missing += o.missing
	t.ended += o.ended
	t.failed += o.failed
	t.cancelled += o.cancelled
	t.crashed += o.crashed
	t.starts += o.starts
	t.repeats += o.repeats
}

// account checks every number.
func (c *chaos) account() {
	started, ended, records := c.noted("started"), c.noted("ended"), c.failed()
	tallies := make(map[string]*chaosTally)
	for _, typ := range chaosTypes {
		tallies[typ.name] = &chaosTally{}
	}
	all := &chaosTally{}
	for n := range c.entries {
		one := c.accountOne(n, started[n], ended[n], records[n])
		tallies[c.entries[n].typ.name].add(one)
		all.add(one)
	}
	tallies["all"] = all
	c.t.Logf("%v\n%s", c.done, chaosTable(tallies))
	c.t.Logf("%d repeats and %d crashed, at most %d in flight at kills and stops", all.repeats, all.crashed, c.mayRepeat)
	if all.repeats+all.crashed > c.mayRepeat {
		c.t.Errorf("%d repeats and %d crashed, but only %d entries were in flight at kills", all.repeats, all.crashed, c.mayRepeat)
	}
	for _, key := range c.redis.Keys(c.t, "*") {
		if !strings.HasSuffix(key, ":failed") {
			c.t.Errorf("left in redis: %s", key)
		}
	}
}

func chaosTable(tallies map[string]*chaosTally) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "type\tpushed\tmissing\tended well\tfailed\tof them cancelled\tcrashed\tstarts\trepeats\t")
	for _, typ := range append(chaosTypes, chaosType{name: "all"}) {
		t := tallies[typ.name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			typ.name, t.pushed, t.missing, t.ended, t.failed, t.cancelled, t.crashed, t.starts, t.repeats)
	}
	_ = w.Flush() // to memory
	return text.String()
}

// accountOne checks the entries of one number: how often each attempt of it was
// started, how often it ended well, and what stands on the failed list.
func (c *chaos) accountOne(n int, started, ended map[int]int, records []chaosRecord) chaosTally {
	e := c.entries[n]
	wrong := func(format string, args ...any) {
		c.t.Errorf("entry %d (%+v): %s; started %v, ended %v, failed %+v", n, e, fmt.Sprintf(format, args...), started, ended, records)
	}
	t := chaosTally{pushed: e.pushed, failed: len(records)}
	for attempt, times := range started {
		t.starts += times
		t.repeats += max(0, times-e.pushed)
		if attempt > e.typ.attempts {
			wrong("attempt %d of %d", attempt, e.typ.attempts)
		}
		if e.typ.once && times > 1 {
			wrong("it must not run twice")
		}
	}
	for _, times := range ended {
		t.ended += times
	}
	triedOut := 0
	for _, r := range records {
		switch {
		case r.Outcome == "cancelled" && c.cancelled[n]:
			t.cancelled++
		case r.Outcome == "crashed", r.Outcome == "stopped" && e.typ.once:
			t.crashed++
		case r.Attempt == e.typ.attempts && (r.Outcome == "failed" && e.always() || r.Outcome == "signal"):
			triedOut++
		default:
			wrong("a record that cannot be")
		}
	}
	for attempt := 1; attempt <= e.typ.attempts; attempt++ {
		if started[attempt]+c.killed[n] < triedOut {
			wrong("it was given up without attempt %d", attempt)
		}
	}
	t.missing = max(0, e.pushed-t.ended-t.failed)
	switch {
	case t.missing > 0:
		wrong("%d are missing", t.missing)
	case t.failed > e.pushed:
		wrong("it failed more often than it was pushed")
	case e.always() && t.ended > 0:
		wrong("it ended well, although every attempt fails")
	}
	return t
}

// noted counts the runs in a file of notes: by number, then by attempt.
func (c *chaos) noted(name string) map[int]map[int]int {
	content, err := os.ReadFile(filepath.Join(c.notes, name))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	counts := make(map[int]map[int]int)
	for line := range strings.FieldsSeq(string(content)) {
		var number, attempt int
		if _, err := fmt.Sscanf(line, "%d:%d", &number, &attempt); err != nil {
			c.t.Fatalf("note %q: %v", line, err)
		}
		if counts[number] == nil {
			counts[number] = make(map[int]int)
		}
		counts[number][attempt]++
	}
	return counts
}

// failed are the records on the failed lists, by number.
func (c *chaos) failed() map[int][]chaosRecord {
	records := make(map[int][]chaosRecord)
	for _, typ := range chaosTypes {
		for _, raw := range c.redis.List(c.t, "q:"+typ.name+":failed") {
			n, r := decodeChaos(c.t, raw)
			records[n] = append(records[n], r)
		}
	}
	return records
}
