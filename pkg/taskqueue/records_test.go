package taskqueue

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// What is no UTF-8 reaches the script as it was pushed: as an argument, a variable
// and the id. In a record of its failure it has the bytes of before.
func TestBytesThatAreNoUTF8Arrive(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]string{
		"as Python writes them": `{"args":["caf\udce9.txt"],"env":{"N":"\udcff"},"id":"i\udce9"}`,
		"as they are":           "{\"args\":[\"caf\xe9.txt\"],\"env\":{\"N\":\"\xff\"},\"id\":\"i\xe9\"}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", `printf '%s|%s|%s' "$1" "$N" "$GORDON_ENTRY_ID" >"$D/got"; exit 3`)
			r.push("T", entry)
			r.start()
			r.ended(1)
			if got := r.read("got"); got != "caf\xe9.txt|\xff|i\xe9" {
				t.Errorf("the script got %q", got)
			}
			if failed := r.failed("T"); len(failed) != 1 || !strings.HasPrefix(failed[0], strings.TrimSuffix(entry, "}")) {
				t.Errorf("failed: %q", failed)
			}
		})
	}
}

// What never ran to its end is kept for 72 h, though no failed list is wanted.
func TestWhatNeverRanIsKept(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]string{
		"unreadable":  `no entry`,
		"not started": `{"args":["a\u0000b"]}`,
		"expired":     `{"deadline":1}`,
	} {
		for _, ttl := range []time.Duration{0, time.Minute} {
			t.Run(name+" "+ttl.String(), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.task("T", "exit 1", func(t *config.Task) { t.Failed.TTL = ttl })
				r.push("T", entry)
				r.start()
				r.ended(1)
				failed := r.failed("T")
				if len(failed) != 1 || !strings.Contains(failed[0], `"outcome":"`+name+`"`) {
					t.Fatalf("failed: %q", failed)
				}
				r.push("T", "{}") // which asks for less time, or none
				r.ended(2)
				if left := r.server.Do(t, "TTL", "q:T:failed").(int64); left < int64(store.NeverRan.Seconds())-60 {
					t.Errorf("kept for %d s", left)
				}
			})
		}
	}
}

// Whoever moves the whole failed list back runs again what can run, and loses nothing.
func TestRecordsPushedBackLoseNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo $# >>"$D/ran"; [ -e "$D/fixed" ]`)
	r.push("T", `{"args":["a"]}`, "user 42", "\xff\xfe")
	r.start()
	r.ended(3)
	before := r.failed("T")
	r.write("fixed")
	for range before {
		r.server.Do(t, "LMOVE", "q:T:failed", "q:T", "LEFT", "RIGHT")
	}
	r.ended(6)
	if got := r.lines("ran"); !slices.Equal(got, []string{"1", "1"}) {
		t.Errorf("ran with so many arguments: %v", got)
	}
	after := r.failed("T")
	if len(after) != 2 {
		t.Fatalf("on the failed list: %q", after)
	}
	for i, record := range after {
		var was, is map[string]any
		if err := json.Unmarshal([]byte(before[i+1]), &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(record), &is); err != nil {
			t.Fatal(err)
		}
		if is["raw"] != was["raw"] || is["raw_base64"] != was["raw_base64"] || is["outcome"] != "unreadable" || len(is) != len(was) {
			t.Errorf("%s became %s", before[i+1], record)
		}
	}
}

// A failed list that is renamed to its queue takes its TTL along.
func TestQueueThatWasAFailedListDoesNotExpire(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"idle", "busy"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", `echo "$1" >>"$D/ran"; [ -e "$D/fixed" ]; ok=$?; [ "$1" != wait ] || until [ -e "$D/go" ]; do sleep 0.05; done; exit $ok`)
			r.push("T", `{"args":["1"]}`, `{"args":["2"]}`)
			r.start()
			r.ended(2)
			if when == "busy" {
				r.push("T", `{"args":["wait"]}`)
				r.until("it runs", func() bool { return slices.Contains(r.lines("ran"), "wait") })
			}
			r.push("X", "other")
			r.server.Do(t, "RENAME", "q:T:failed", "q:T")
			r.push("T", `{"args":["3"]}`, `{"args":["wait"]}`, `{"args":["4"]}`)
			r.write("fixed")
			if when == "busy" {
				r.write("go")
			}
			r.until("the TTL is removed", func() bool { return strings.Contains(r.log.String(), "removed the TTL of the queue") })
			if ttl := r.server.Do(t, "TTL", "q:T").(int64); ttl > 0 {
				t.Errorf("the queue expires in %d s", ttl)
			}
			r.write("go")
			r.until("all have run", func() bool { return slices.Contains(r.lines("ran"), "4") && r.inRunLists() == 0 })
		})
	}
}

// Nothing is asked about the queue for an entry that is no record.
func TestNoCommandForAnOrdinaryEntry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "true")
	r.start()
	r.server.Do(t, "CONFIG", "RESETSTAT")
	r.push("T", "{}", "{}", `{"args":["an error_message"]}`)
	r.ended(3)
	if stats, _ := r.server.Do(t, "INFO", "commandstats").([]byte); strings.Contains(string(stats), "cmdstat_persist") || len(stats) == 0 {
		t.Errorf("commands: %s", stats)
	}
}

func TestFailedListIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "exit 1", func(t *config.Task) { t.Failed.Max = 3 })
	for range 5 {
		r.push("T", "{}")
	}
	r.start()
	r.ended(5)
	if n := len(r.failed("T")); n != 3 {
		t.Errorf("%d records", n)
	}
	if log := r.log.String(); strings.Count(log, "the failed list is full") != 1 {
		t.Errorf("log: %s", log)
	}
}

// 64 KiB of output that takes six times as much when it is escaped.
func TestRecordIsBoundedWhateverAScriptPrints(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `head -c 70000 /dev/zero | tr '\0' '\1'; head -c 70000 /dev/zero >&2; exit 1`)
	record := failOne(t, r, "{}")
	if raw := r.failed("T")[0]; len(raw) > 150<<10 {
		t.Errorf("a record of %d bytes", len(raw))
	}
	if message := record["error_message"].(string); !strings.HasPrefix(message, "exit status 1\n") {
		t.Errorf("it begins with %.40q", message)
	}
}

func TestErrorMessageMax(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const script = `head -c 9000 /dev/zero | tr '\0' '\1'; echo the end; exit 1`
	r.task("small", script, func(t *config.Task) { t.Failed.MessageMax = 2 << 10 })
	r.task("large", script, func(t *config.Task) { t.Failed.MessageMax = 64 << 10 })
	r.push("small", "{}")
	r.push("large", "{}")
	r.start()
	r.ended(2)
	for name, want := range map[string][2]int{"small": {1900, 2048}, "large": {9000 * len(`\u0001`), 64 << 10}} {
		var record struct {
			Raw json.RawMessage `json:"error_message"`
		}
		if err := json.Unmarshal([]byte(r.failed(name)[0]), &record); err != nil {
			t.Fatal(err)
		}
		message := string(record.Raw)
		if n := len(message); n < want[0] || n > want[1] || !strings.HasPrefix(message, `"exit status 1\n`) || !strings.HasSuffix(message, `the end\n"`) {
			t.Errorf("%s: %d bytes, want %v: %.60s … %s", name, n, want, message, message[max(0, n-60):])
		}
	}
}

// Unknown properties are the producer's own, but one that looks like a slip of the
// hand is named once.
func TestSlipsInEntriesAreNamedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo $# >>"$D/ran"`)
	r.task("U", `true`)
	r.push("T", `{"arg":["a"]}`, `{"arg":["a"]}`, `{"args":["a"],"delay_s":0}`, `{"environment":{}}`)
	r.push("U", `{"arg":["a"]}`)
	r.start()
	r.ended(5)
	for text, want := range map[string]int{
		"unknown property arg; did you mean args?":        2, // once for each type
		"unknown property delay_s; did you mean delay?":   1,
		"unknown property environment; did you mean env?": 1,
	} {
		if got := strings.Count(r.log.String(), text); got != want {
			t.Errorf("%q is said %d times, want %d", text, got, want)
		}
	}
	if got := r.lines("ran"); len(got) != 4 {
		t.Errorf("ran: %v", got)
	}
}

func TestLogNamesTheEntryThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "true")
	r.push("T", `{"args":[5],"id":"invoice-7"}`)
	r.start()
	r.ended(1)
	r.until("the log names it", func() bool {
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, "entry cannot be read") && strings.Contains(line, "invoice-7") {
				return true
			}
		}
		return false
	})
}
