package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fail pushes a record to the failed list, as a finish and as a recovery do it.
func fail(t *testing.T, l *Link, record string, k Keep, recovery bool) Finished {
	t.Helper()
	server.Push(t, run0, "x")
	var result Finished
	use(t, l, func(c *Conn) error {
		if recovery {
			_, err := c.Recover(Keys{"q"}, Recovery{
				Dead: "I", Type: "T", List: 0, Certain: true, Entry: []byte("x"), Fail: true, Record: []byte(record), Keep: k,
			})
			return err
		}
		f := finishOf(Fail)
		f.Record, f.Keep, f.TakeNext = []byte(record), k, false
		results, err := c.FinishAll(keys, []Finish{f})
		if err == nil {
			result = results[0]
			err = errors.Join(result.Err, result.Expiry)
		}
		return err
	})
	return result
}

func bothWays(t *testing.T, test func(t *testing.T, recovery bool)) {
	t.Helper()
	t.Run("finish", func(t *testing.T) { test(t, false) })
	t.Run("recovery", func(t *testing.T) { test(t, true) })
}

func TestFailedListHoldsTheNewestRecords(t *testing.T) {
	bothWays(t, func(t *testing.T, recovery bool) {
		l := open(t, server.Socket)
		k := Keep{TTL: time.Hour, Records: 3}
		for i := range 5 {
			if got, want := fail(t, l, fmt.Sprint(i), k, recovery).Dropped, max(0, i-2); !recovery && got != min(want, 1) {
				t.Errorf("record %d dropped %d", i, got)
			}
		}
		if diff := cmp.Diff([]string{"2", "3", "4"}, server.List(t, "q:T:failed")); diff != "" {
			t.Error(diff)
		}
		k.Records = 1 // a reload
		fail(t, l, "5", k, recovery)
		if diff := cmp.Diff([]string{"5"}, server.List(t, "q:T:failed")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFailedListIsBoundedInBytes(t *testing.T) {
	bothWays(t, func(t *testing.T, recovery bool) {
		l := open(t, server.Socket)
		k := Keep{TTL: time.Hour, Bytes: 1 << 20}
		for range 2000 { // before there was a limit, or from another host
			server.Push(t, "q:T:failed", strings.Repeat("s", 100))
		}
		large := strings.Repeat("x", 100<<10)
		for range 150 {
			fail(t, l, large, k, recovery)
		}
		if used := server.Do(t, "MEMORY", "USAGE", "q:T:failed", "SAMPLES", 0).(int64); used > 3<<20/2 {
			t.Errorf("the list takes %d bytes", used)
		}
		if n := len(server.List(t, "q:T:failed")); n < 5 {
			t.Errorf("%d records are left", n)
		}
		// A record that is larger than the limit is kept nevertheless.
		server.Do(t, "DEL", "q:T:failed")
		fail(t, l, "small", k, recovery)
		fail(t, l, strings.Repeat("y", 2<<20), k, recovery)
		if left := server.List(t, "q:T:failed"); len(left) != 1 || left[0][0] != 'y' {
			t.Errorf("%d records are left", len(left))
		}
	})
}

// An entry that never ran is kept for 72 h. A later failure that asks for less must not
// shorten that.
func TestFailedListIsNotShortenedBelowWhatWasPromised(t *testing.T) {
	bothWays(t, func(t *testing.T, recovery bool) {
		for _, tt := range []struct{ before, ttl, want time.Duration }{
			{NeverRan, time.Minute, NeverRan},
			{time.Hour, time.Minute, time.Hour},
			{240 * time.Hour, time.Minute, NeverRan}, // after a reload with less
			{240 * time.Hour, 100 * time.Hour, 100 * time.Hour},
			{time.Hour, NeverRan, NeverRan},
			{0, time.Minute, time.Minute},
		} {
			l := open(t, server.Socket)
			server.Push(t, "q:T:failed", "unreadable")
			if tt.before > 0 {
				server.Do(t, "EXPIRE", "q:T:failed", int(tt.before.Seconds()))
			}
			fail(t, l, "r", Keep{TTL: tt.ttl}, recovery)
			got, want := server.Do(t, "TTL", "q:T:failed").(int64), int64(tt.want.Seconds())
			if got > want || got < want-5 {
				t.Errorf("%v before, %v asked: %d s, want %v", tt.before, tt.ttl, got, tt.want)
			}
		}
	})
}

// A refusal after the push must not have the record pushed again.
func TestBoundsOfAFailedListThatAreRefused(t *testing.T) {
	for _, command := range []string{"memory", "ltrim", "ttl", "expire"} {
		t.Run(command, func(t *testing.T) {
			l := open(t, server.Socket)
			server.Push(t, "q:T:failed", "older")
			server.Push(t, run0, "x")
			forbid(t, command)
			f := finishOf(Fail)
			f.Keep.Records, f.Keep.Bytes = 1, 1<<20
			use(t, l, func(c *Conn) error {
				results, err := c.FinishAll(keys, []Finish{f})
				if err != nil {
					return err
				}
				// LTRIM also removes the entry from its run list.
				if r := results[0]; command != "ltrim" && (r.Err != nil || !errors.Is(r.Expiry, &ReplyError{Code: "NOPERM"})) {
					t.Errorf("got %+v", r)
				}
				return nil
			})
		})
	}
}

func TestPersist(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, "q:T", "x")
	server.Do(t, "EXPIRE", "q:T", 5)
	for _, want := range []bool{true, false} {
		use(t, l, func(c *Conn) error {
			expired, err := c.Persist(keys, "T")
			if expired != want {
				t.Errorf("had a TTL: %v, want %v", expired, want)
			}
			return err
		})
	}
}
