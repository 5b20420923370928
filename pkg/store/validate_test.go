package store

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecordsThatNoGordonWrites(t *testing.T) {
	types := func(s string) string { return `{"types":` + s + `}` }
	for about, why := range map[string]string{
		types(`{"T":{"slots":1000000000}}`):                         "number of run lists",
		types(`{"T":{"slots":-1}}`):                                 "number of run lists",
		types(`{"T":{"slots":1048576},"U":{"slots":1}}`):            "number of run lists",
		types(`{"T":{"slots":1,"failed_ttl":-1}}`):                  "out of range",
		types(`{"T":{"slots":1,"failed_ttl":9223372036854775807}}`): "out of range",
		types(`{"":{"slots":1}}`):                                   "cannot be the name",
		types(`{"instances":{"slots":1}}`):                          "cannot be the name",
		types(`{"instance:x":{"slots":1}}`):                         "cannot be the name",
		types(`{"a\nb":{"slots":1}}`):                               "cannot be the name",
		types(`{"a\u0000b":{"slots":1}}`):                           "cannot be the name",
		types(`{"` + strings.Repeat("x", 256) + `":{"slots":1}}`):   "cannot be the name",
		types(`{"T":{"slots":"4"}}`):                                "cannot unmarshal",
		types(`{"T":{"slots":{"slots":[4]}}}`):                      "cannot unmarshal",
		types(`{"T":{"slots":` + strings.Repeat("9", 1<<20) + `}}`): "cannot unmarshal",
		types(`[[[[]]]]`):                                           "cannot unmarshal",
		types(strings.Repeat("[", 1<<20)):                           "exceeded max depth",
		`{"host":"` + strings.Repeat("h", 256) + `"}`:               "host name is too long",
		`[]`: "cannot unmarshal",
		`{`:  "unexpected end",
	} {
		_, err := parseInstance("host-00000000", []byte(about))
		if !errors.Is(err, ErrInvalidRecord) || !strings.Contains(err.Error(), why) || len(err.Error()) > 500 {
			t.Errorf("%.60s: %.600v", about, err)
		}
	}
	for _, id := range []string{"", "*", "a?", "[a]", `a\`, "a b", "a:b", "a\r\nb", "a\x00b", "ä", strings.Repeat("x", 301)} {
		if _, err := parseInstance(id, []byte(`{"types":{}}`)); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

// Names that the configuration allows are valid.
func TestRecordsOfLargeConfigurations(t *testing.T) {
	large := Instance{ID: "a.b_c-00000000", Types: map[string]InstanceType{
		"all workers":            {Lists: 2 * 65536},
		strings.Repeat("ü", 127): {Lists: 2, FailedTTL: math.MaxInt64 / int64(time.Second)},
		`*?[]\:"' -`:             {Lists: 2},
		"T:failed":               {},
		"paused:x":               {Lists: 2},
	}}
	for i := range 5000 {
		large.Types[fmt.Sprintf("type %0240d", i)] = InstanceType{Lists: 128, FailOnCrash: true, FailedTTL: 86400}
	}
	l := open(t, server.Socket)
	use(t, l, func(c *Conn) error { return register(c, keys, large, time.Minute) })
	use(t, l, func(c *Conn) error {
		got, unreadable, err := c.Instances(keys)
		if diff := cmp.Diff([]Instance{large}, got); diff != "" || unreadable != nil {
			t.Errorf("%v %.1000s", unreadable, diff)
		}
		return err
	})
}

// An instance with an invalid record, which nobody would recover, does not start.
func TestRegisterRefusesWhatOthersWouldNotBelieve(t *testing.T) {
	l := open(t, server.Socket)
	err := l.Use(t.Context(), func(c *Conn) error {
		return register(c, keys, Instance{ID: "a", Types: map[string]InstanceType{"T": {Lists: maxLists + 1}}}, time.Minute)
	})
	if !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("got %v", err)
	}
	checkLists(t, map[string][]string{})
	if left := server.Keys(t, "*"); len(left) != 0 {
		t.Errorf("written all the same: %q", left)
	}
}

// 160 MiB of foreign records cost no more memory than the part that is read.
func TestInstancesAreReadWithinBounds(t *testing.T) {
	l := openWithTimeout(t, server.Socket, time.Minute) // a busy Redis needs time for 160 MiB
	server.Do(t, "HSET", keys.Instances(), "huge", strings.Repeat("x", 80<<20))
	for i := range 20 {
		server.Do(t, "HSET", keys.Instances(), fmt.Sprintf("%d%s", i, strings.Repeat("y", 3<<20)), strings.Repeat("x", 1<<20-10))
	}
	for i := range 300 {
		server.Do(t, "HSET", keys.Instances(), fmt.Sprint("small", i), "{")
	}
	use(t, l, func(c *Conn) error { return register(c, keys, sample, time.Minute) })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	use(t, l, func(c *Conn) error {
		got, unreadable, err := c.Instances(keys)
		if n := len(unreadable); n < 2 || n > 2*maxInvalid || len(got) > 1 {
			t.Errorf("%d are unreadable, read %v", n, got)
		}
		for _, err := range unreadable {
			if !errors.Is(err, ErrInvalidRecord) || len(err.Error()) > 1000 {
				t.Errorf("%.1000v", err)
			}
		}
		return err
	})
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 3*maxRecords {
		t.Errorf("%d MiB were allocated", n>>20)
	}
	server.Flush(t)
}

func TestFilledFindsWhatHoldsSomething(t *testing.T) {
	l := open(t, server.Socket)
	want := []int{0, 7, FilledBatch - 1, FilledBatch, 2*FilledBatch + 5}
	for _, list := range want {
		server.Push(t, keys.Run("T", "I", list), "x")
	}
	server.Push(t, keys.Run("T", "I", 2*FilledBatch+6), "beyond")
	server.Push(t, keys.Run("T", "II", 1), "of another")
	n := 2*FilledBatch + 6
	var got []int
	for first := 0; first < n; first += FilledBatch {
		use(t, l, func(c *Conn) error {
			filled, err := c.Filled(keys, "T", "I", first, n)
			got = append(got, filled...)
			return err
		})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	use(t, l, func(c *Conn) error {
		filled, err := c.Filled(keys, "T", "I", n, n)
		if filled != nil {
			t.Errorf("of none: %v", filled)
		}
		return err
	})
}

// If the record would be longer than Redis accepts, the entry itself goes to the failed
// list.
func TestFailWithoutARecordMovesTheEntry(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, run0, "entry")
	server.Push(t, "q:T:failed", "before")
	f := finishOf(Fail)
	f.Record, f.TakeNext = nil, false
	use(t, l, func(c *Conn) error {
		got, err := c.FinishAll(keys, []Finish{f})
		if err == nil && (got[0].Err != nil || got[0].Gone) {
			t.Errorf("%+v", got)
		}
		return err
	})
	checkLists(t, map[string][]string{run0: {}, "q:T:failed": {"before", "entry"}})
	server.Push(t, run0, "another")
	if got := recoverOnce(t, l, recovery("another", func(r *Recovery) { r.Fail, r.Record = true, nil })); got != Failed {
		t.Errorf("recovery: %q", got)
	}
	checkLists(t, map[string][]string{run0: {}, "q:T:failed": {"before", "entry", "another"}})
	if ttl := server.Do(t, "TTL", "q:T:failed").(int64); ttl <= 0 {
		t.Errorf("TTL %d", ttl)
	}
}
