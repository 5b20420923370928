package hostiletest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// largeEntry is an entry of nearly size bytes, what becomes of it, and how many
// times its size the daemon may need at its peak.
type largeEntry struct {
	name  string
	entry func(size int) string
	// runs says whether the script runs; otherwise the failure says message.
	runs    bool
	message string
	times   int64
}

func fill(before, unit, after string) func(int) string {
	return func(size int) string {
		return before + strings.Repeat(unit, (size-len(before)-len(after))/len(unit)) + after
	}
}

func largeEntries() []largeEntry {
	return []largeEntry{
		{"one argument", fill(`{"args":["`, "x", `"]}`), false, "argument list too long", 5},
		{"many arguments", fill(`{"args":["a"`, `,"b"`, `]}`), false, "argument list too long", 7},
		{"a variable", fill(`{"env":{"A":"`, "x", `"}}`), false, "argument list too long", 6},
		{"a name", fill(`{"env":{"A\u0000`, "x", `":""}}`), false, "contains an equals sign or a NUL byte", 6},
		{"payload beside", fill(`{"args":[],"payload":"`, "x", `"}`), true, "", 3},
		{"trailing garbage", fill(`{"args":[]}`, "\xff", ``), true, "", 3},
		{"white space", fill(``, " ", ``), false, "it is empty", 4},
		{"text", fill(`text`, "x", ``), false, "not valid JSON", 4},
		{"deep", fill(`{"args":`, "[", ``), false, "not valid JSON", 5},
		{"invalid UTF-8", fill(`{`, "\xff", ``), false, "not valid JSON", 11},
		{"NUL bytes", fill(``, "\x00", ``), false, "not valid JSON", 9},
	}
}

// What an entry costs is a few times its size while it is there, and nothing
// afterwards. An array of a million small strings costs 16 bytes for each, as
// many as the entry has for four of them.
func TestLargeEntries(t *testing.T) {
	t.Parallel()
	size := *large<<20 - 1<<10
	for _, e := range largeEntries() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			site, redis := newSite(t)
			site.Script("T", `echo "$#" >>"$D/ran"`)
			site.Configure(site.Task("T", 1))
			daemon := site.Start()
			idle := daemon.RSS()
			began := time.Now()
			redis.Push(t, "q:T", e.entry(size))
			gordontest.Until(t, "it is over", func() bool {
				done := redis.Do(t, "EXISTS", "q:T:failed").(int64) == 1
				return done == !e.runs && (!e.runs || site.Read("ran") != "") && len(redis.Keys(t, "q:T:run:*")) == 0
			})
			took := time.Since(began)
			peak := daemon.Peak() - idle
			if limit := e.times * int64(size); peak > limit+32<<20 {
				t.Errorf("the daemon grew by %d MiB", peak>>20)
			}
			gordontest.Until(t, "its memory is given back", func() bool { return daemon.RSS() < idle+32<<20 })
			t.Logf("%v, peak %d MiB, afterwards %d MiB more than before", took.Round(time.Millisecond), peak>>20, (daemon.RSS()-idle)>>20)
			if e.runs {
				if got := site.Read("ran"); got != "0\n" {
					t.Errorf("ran: %q", got)
				}
			} else {
				checkRecord(t, redis.List(t, "q:T:failed"), e, size)
			}
			redis.Push(t, "q:T", `{"args":["next"]}`)
			gordontest.Until(t, "the next one ran", func() bool { return strings.HasSuffix(site.Read("ran"), "1\n") })
			if strings.Contains(daemon.Printed(), strings.Repeat("x", 5000)) {
				t.Error("the log holds the entry")
			}
			daemon.Stop()
		})
	}
}

// checkRecord looks at a record without decoding it: that would cost this process
// more than the daemon.
func checkRecord(t *testing.T, records []string, e largeEntry, size int) {
	t.Helper()
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	record := records[0]
	end := record[max(0, len(record)-1000):]
	if !strings.Contains(end, e.message) || len(record) < size {
		if record == e.entry(size) && strings.Contains(fmt.Sprint(size>>20), "511") {
			return // the record would be longer than Redis takes
		}
		t.Errorf("a record of %d bytes ends with %.1000q", len(record), end)
	}
}
