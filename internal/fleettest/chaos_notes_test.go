package fleettest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// chaosType is a type of TestChaosOfHosts.
type chaosType struct {
	name     string
	lasts    float64 // s, at most
	attempts int     // max_attempts
	onCrash  string  // "" for one that reloads change
}

var chaosTypes = []chaosType{
	{name: "quick", lasts: 0.1, attempts: 1, onCrash: "requeue"},
	{name: "slow", lasts: 3, attempts: 1, onCrash: "requeue"},
	{name: "tries", lasts: 0.2, attempts: 3, onCrash: "requeue"},
	{name: "once", lasts: 2, attempts: 1, onCrash: "fail"},
	{name: "changing", lasts: 2, attempts: 2},
}

// script takes the number of the entry, how many attempts fail, and how long it runs.
// date and hostname are asked before it notes anything, so that a note is one write.
func (typ chaosType) script(notes string) string {
	return fmt.Sprintf(`#!/bin/sh
note() { echo "$N $GORDON_ATTEMPT $GORDON_TASK_ID $(hostname) $(date +%%s%%3N) $ON_CRASH $ON_LOSS $1" >>'%s'; }
N=$1
note start
sleep $3
if [ $GORDON_ATTEMPT -gt $2 ]; then note ok; else note failed; exit 3; fi
`, notes)
}

func (typ chaosType) config(fails bool, onLoss string) string {
	onCrash := typ.onCrash
	if onCrash == "" {
		onCrash = map[bool]string{true: "fail", false: "requeue"}[fails]
	}
	return fmt.Sprintf("max_attempts = %d\nretry_delay = \"50ms\"\non_crash = %q\nenvironment = { ON_CRASH = %q, ON_LOSS = %q }\n", typ.attempts, onCrash, onCrash, onLoss)
}

// chaosEntry is what was pushed under one number.
type chaosEntry struct {
	typ      chaosType
	failures int // attempts that fail
	pushed   int // how often: entries may be equal
}

// push pushes so many entries, each in one of the ways that a producer has.
func (c *chaos) push(n int) {
	for range n {
		number := len(c.entries)
		e := chaosEntry{typ: chaosTypes[c.rand.IntN(len(chaosTypes))], pushed: 1}
		e.failures = c.rand.IntN(e.typ.attempts + 1)
		lasts := fmt.Sprintf("%.2f", e.typ.lasts*c.rand.Float64())
		raw, err := json.Marshal(map[string]any{"args": []string{strconv.Itoa(number), strconv.Itoa(e.failures), lasts}})
		if err != nil {
			c.t.Fatal(err)
		}
		switch c.rand.IntN(4) {
		case 0:
			due := time.Now().Add(time.Duration(c.rand.IntN(2000)) * time.Millisecond)
			c.redis.Do(c.t, "ZADD", "q:"+e.typ.name+":delayed", due.UnixMilli(), raw)
		case 1:
			e.pushed = 2
			c.redis.Do(c.t, "RPUSH", "q:"+e.typ.name, raw, raw)
		default:
			c.redis.Do(c.t, "RPUSH", "q:"+e.typ.name, raw)
		}
		c.entries = append(c.entries, e)
	}
}

// chaosRun is one run of an entry.
type chaosRun struct {
	number, attempt int
	task, host      string
	onCrash, onLoss string
	began           time.Time
	ended           time.Time // zero if it was cut short
	result          string    // ok, failed, or "" if it was cut short
}

// runs reads the notes, by number, in the order in which they began.
func (c *chaos) runs() map[int][]*chaosRun {
	content, err := os.ReadFile(c.notes)
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	runs := make(map[int][]*chaosRun)
	for line := range strings.Lines(string(content)) {
		var r chaosRun
		var ms int64
		var what string
		if _, err := fmt.Sscan(line, &r.number, &r.attempt, &r.task, &r.host, &ms, &r.onCrash, &r.onLoss, &what); err != nil {
			c.t.Fatalf("note %q: %v", line, err)
		}
		of := runs[r.number]
		if what == "start" {
			r.began = time.UnixMilli(ms)
			runs[r.number] = append(of, &r)
			continue
		}
		i := slices.IndexFunc(of, func(o *chaosRun) bool { return o.task == r.task })
		if i < 0 {
			c.t.Fatalf("note %q of a run that did not start", line)
		}
		of[i].ended, of[i].result = time.UnixMilli(ms), what
	}
	for _, of := range runs {
		slices.SortFunc(of, func(a, b *chaosRun) int { return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.task, b.task)) })
	}
	return runs
}

// chaosRecord is what the account needs of a record of the failed list.
type chaosRecord struct {
	Args    []string
	Outcome string
	Attempt int
	Message string `json:"error_message"`
}

// failed are the records on the failed lists, by number.
func (c *chaos) failed() map[int][]chaosRecord {
	records := make(map[int][]chaosRecord)
	for _, typ := range chaosTypes {
		for _, raw := range c.redis.List(c.t, "q:"+typ.name+":failed") {
			var r chaosRecord
			if err := json.Unmarshal([]byte(raw), &r); err != nil || len(r.Args) != 3 {
				c.t.Fatalf("record %q: %v", raw, err)
			}
			n, err := strconv.Atoi(r.Args[0])
			if err != nil {
				c.t.Fatal(err)
			}
			records[n] = append(records[n], r)
		}
	}
	return records
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}
