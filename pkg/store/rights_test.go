package store

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"
)

// entries returns the keys that have x, y and the entry for later z, in any form: as a
// record or with a note.
func entries(t *testing.T) map[string][]string {
	t.Helper()
	at := make(map[string][]string)
	for _, list := range []string{run0, run1, "q:T", "q:T:failed"} {
		for _, e := range server.List(t, list) {
			at[e[len(e)-1:]] = append(at[e[len(e)-1:]], list)
		}
	}
	for e := range scores(t) {
		at[e[len(e)-1:]] = append(at[e[len(e)-1:]], "later")
	}
	return at
}

// operation is a use of a script, or of a transaction.
type operation struct {
	script string
	// more are commands that are not in the script.
	more []string
	do   func(*Conn) error
	want map[string][]string // the keys that have the entries afterwards
}

func finishing(how How, record string, x string) operation {
	f := finishOf(how)
	f.Record, f.After = []byte(record), time.Hour
	return operation{script: finishScript, want: map[string][]string{"x": {x}, "y": {run1}, "z": {"later"}}, do: func(c *Conn) error {
		results, err := c.FinishAll(keys, []Finish{f})
		if err != nil {
			return err
		}
		return results[0].Err
	}}
}

func recovering(r Recovery, x string) operation {
	return operation{script: recoverScript, want: map[string][]string{"x": {x}, "y": {"q:T"}, "z": {"later"}}, do: func(c *Conn) error {
		result, err := c.Recover(keys, r)
		if err == nil && result != Requeued && result != Failed {
			return errors.New("the recovery says " + string(result))
		}
		return err
	}}
}

func operations() map[string]operation {
	rest := map[string][]string{"x": {run0}, "y": {"q:T"}, "z": {"later"}}
	noted := recovery("x", func(r *Recovery) { r.Record = []byte("noted x"); r.Certain = false })
	register := func(c *Conn) error {
		_, err := c.Register(keys, Instance{ID: "I", Types: map[string]InstanceType{"U": {}}}, time.Hour, 9)
		return err
	}
	forget := func(c *Conn) error { return c.ForgetDead(keys, "I", false) }
	list := RunList{"T", "I", 1, Note{Number: 2}}
	return map[string]operation{
		"finish, drop":                 {finishScript, nil, finishing(Drop, "", "").do, map[string][]string{"y": {run1}, "z": {"later"}}},
		"finish, fail":                 finishing(Fail, "record of x", "q:T:failed"),
		"finish, fail without record":  finishing(Fail, "", "q:T:failed"),
		"finish, delay":                finishing(Delay, "later x", "later"),
		"finish, return":               {finishScript, nil, finishing(Return, "", "").do, map[string][]string{"x": {run1}, "y": {"q:T"}, "z": {"later"}}},
		"recover, requeue with a note": recovering(noted, "q:T"),
		"recover, requeue":             recovering(recovery("x"), "q:T"),
		"recover, fail":                recovering(recovery("x", failing), "q:T:failed"),
		"recover, fail without record": recovering(recovery("x", func(r *Recovery) { r.Fail = true }), "q:T:failed"),
		"prepare":                      {prepareScript, nil, func(c *Conn) error { _, err := c.Prepare(keys, list); return err }, rest},
		"register":                     {blankScript + registerScript, []string{"MULTI", "EXEC", "EVAL", "INFO"}, register, rest},
		"forget the dead":              {forgetDeadScript, nil, forget, rest},
		"move what is due": {moveDueScript, nil, func(c *Conn) error {
			due, err := c.MoveDue(keys, []string{"T"})
			if err != nil {
				return err
			}
			return due[0].Refused
		}, map[string][]string{"x": {run0}, "y": {"q:T"}, "z": {"q:T"}}},
	}
}

var called = regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`)

// commands are the commands that an operation calls.
func (d operation) commands() []string {
	set := make(map[string]bool)
	for _, m := range called.FindAllStringSubmatch(d.script, -1) {
		set[m[1]] = true
	}
	for _, name := range d.more {
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// A user may lack the permission for any command. A script that is refused in its middle
// loses and duplicates nothing, however often it is tried. With the permission it works.
func TestEveryRefusalWithinAScript(t *testing.T) {
	for name, d := range operations() {
		commands := d.commands()
		if len(commands) < 2 {
			t.Fatalf("%s: %d commands were found in the script", name, len(commands))
		}
		for _, command := range commands {
			t.Run(name+"/"+command, func(t *testing.T) {
				l := open(t, server.Socket)
				begin(t, "x")
				server.Push(t, "q:T", "y")
				server.Do(t, "ZADD", keys.Delayed("T"), 1, "z")
				before := entries(t)
				allow := forbid(t, strings.ToLower(command))
				var err error
				for try := 0; try < 4 && (try == 0 || err != nil); try++ {
					if err = l.Use(t.Context(), d.do); err != nil && !Refused(err) {
						t.Fatal(err)
					}
				}
				allow()
				if err != nil {
					if diff := cmp.Diff(before, entries(t)); diff != "" {
						t.Errorf("refused (%v), and changed: %s", err, diff)
					}
				}
				for e, at := range entries(t) {
					if len(at) != 1 {
						t.Errorf("%s is in %v", e, at)
					}
				}
				if err == nil {
					return // it does without that command
				}
				use(t, l, d.do)
				if diff := cmp.Diff(d.want, entries(t)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// The same for keys of another type, which refuse as well.
func TestEveryWrongTypeWithinAScript(t *testing.T) {
	for name, d := range operations() {
		for _, key := range []string{"q:T", "q:T:failed", keys.Delayed("T"), keys.Notes("I"), run1, keys.Instances(), keys.Lease("I")} {
			t.Run(name+"/"+key, func(t *testing.T) {
				l := open(t, server.Socket)
				begin(t, "x")
				server.Push(t, "q:T", "y")
				server.Do(t, "ZADD", keys.Delayed("T"), 1, "z")
				kept, err := redis.String(server.Do(t, "DUMP", key), nil)
				if err != nil && !errors.Is(err, redis.ErrNil) {
					t.Fatal(err)
				}
				server.Do(t, "DEL", key)
				server.Do(t, "PFADD", key, "a string, and more than that") // for GET and SETRANGE it is a string
				var refused error
				for try := 0; try < 4 && (try == 0 || refused != nil); try++ {
					if refused = l.Use(t.Context(), d.do); refused != nil && !Refused(refused) {
						if strings.HasPrefix(refused.Error(), "the recovery says alive") {
							return // a lease may have any type
						}
						t.Fatal(refused)
					}
				}
				server.Do(t, "DEL", key)
				if kept != "" {
					server.Do(t, "RESTORE", key, 0, kept)
				}
				if refused == nil {
					return // it does without that key
				}
				use(t, l, d.do)
				if diff := cmp.Diff(d.want, entries(t)); diff != "" {
					t.Errorf("after %v: %s", refused, diff)
				}
			})
		}
	}
}
