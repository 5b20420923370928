package daemontest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"
)

// chaosType is a type of TestChaos.
type chaosType struct {
	name     string
	work     string // what its script does before it ends
	attempts int    // max_attempts
	once     bool   // on_crash = "fail"
	// failures are how many attempts of an entry fail: any one of these numbers.
	failures []int
}

var chaosTypes = []chaosType{
	{name: "ok", attempts: 1, failures: []int{0}},
	{name: "fails", attempts: 1, failures: []int{1}},
	{name: "slow", attempts: 1, failures: []int{0}, work: "[ $(($1 % 25)) = 2 ] && sleep 0.3 || sleep 0.03"},
	{name: "once", attempts: 2, failures: []int{0, 0, 1, 2}, work: "sleep 0.03", once: true},
	{name: "tries", attempts: 3, failures: []int{0, 1, 2, 3}},
}

// isLong tells whether the script of a number takes long enough to be cancelled.
func isLong(number int) bool { return number%25 == 2 }

// script notes the number of the entry and of the attempt, fails as often as the
// entry says, and else notes that it ends well.
func (typ chaosType) script(notes string) string {
	return fmt.Sprintf(`#!/bin/sh
echo $1:$GORDON_ATTEMPT >>'%[1]s/started'
%[2]s
[ $GORDON_ATTEMPT -gt $2 ] || exit 3
echo $1:$GORDON_ATTEMPT >>'%[1]s/ended'
`, notes, typ.work)
}

func (typ chaosType) config() string {
	config := fmt.Sprintf("max_attempts = %d\nretry_delay = \"20ms\"\n", typ.attempts)
	if typ.once {
		config += "on_crash = \"fail\"\n"
	}
	return config
}

// chaosEntry is what was pushed under one number.
type chaosEntry struct {
	typ      chaosType
	id       string // "" = none
	failures int    // attempts that fail
	pushed   int    // how often: entries may be equal
}

// always tells whether every attempt fails.
func (e chaosEntry) always() bool { return e.failures >= e.typ.attempts }

// push pushes so many entries, each in one of the ways that a producer has.
func (c *chaos) push(n int) {
	for range n {
		number := len(c.entries)
		typ := chaosTypes[number%len(chaosTypes)]
		e := chaosEntry{typ: typ, failures: typ.failures[c.rand.IntN(len(typ.failures))], pushed: 1}
		raw := map[string]any{"args": []string{strconv.Itoa(number), strconv.Itoa(e.failures)}}
		if c.rand.IntN(2) == 0 {
			e.id = "entry " + strconv.Itoa(number)
			raw["id"] = e.id
		}
		// Twins would blur what is known of the one run that an entry may have.
		if c.rand.IntN(4) == 0 && !typ.once {
			e.pushed = 2
		}
		wait, how := time.Duration(c.rand.IntN(300))*time.Millisecond, c.rand.IntN(8)
		due := time.Now().Add(wait)
		command, key := "RPUSH", []any{"q:" + typ.name}
		switch how {
		case 0:
			raw["delay"] = wait.Seconds()
		case 1:
			raw["run_at"] = float64(due.UnixMilli()) / 1000
		case 2:
			raw["deadline"] = due.Add(time.Hour).Unix()
		case 3:
			e.pushed = 1 // a sorted set holds no twins
			command, key = "ZADD", []any{"q:" + typ.name + ":delayed", due.UnixMilli()}
		}
		for range e.pushed {
			c.redis.Do(c.t, command, append(key, encoded(c.t, raw))...)
		}
		c.entries = append(c.entries, e)
	}
}

func encoded(t *testing.T, raw map[string]any) string {
	text, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// chaosRecord is what the account needs of a record of the failed list. An entry
// has arguments alone.
type chaosRecord struct {
	Args    []string
	Outcome string
	Attempt int
}

// decodeChaos reads an entry, or a record of the failed list.
func decodeChaos(t *testing.T, raw string) (int, chaosRecord) {
	var r chaosRecord
	if err := json.Unmarshal([]byte(raw), &r); err != nil || len(r.Args) != 2 {
		t.Fatalf("entry %q: %v", raw, err)
	}
	n, err := strconv.Atoi(r.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	return n, r
}
