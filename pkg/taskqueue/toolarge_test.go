package taskqueue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// smallRedis takes strings of 1 MiB at most, as little as Redis can be told to.
func smallRedis(t *testing.T) (*rig, *redistest.Server) {
	t.Helper()
	s := redistest.New(t, "--proto-max-bulk-len", "1mb")
	r := newRig(t)
	r.config.RedisAddress, r.socket = s.Socket, s.Socket
	return r, s
}

// nearly is an entry that is so many bytes shorter than what smallRedis takes.
func nearly(less int, properties string) string {
	begin, end := `{`+properties+`,"x":"`, `"}`
	return begin + strings.Repeat("x", 1<<20-less-len(begin)-len(end)) + end
}

// A record that Redis does not take holds up no other. It goes without its output, or
// the entry itself does.
func TestARecordThatRedisDoesNotTake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entry string
		task  func(*config.Task)
		// want is how the record of the entry ends, "" for the entry itself.
		want, log string
	}{
		"with its output": {
			nearly(2000, `"args":["large"]`), func(*config.Task) {},
			`"error_message":"exit status 3"}`, "retrying without the output",
		},
		"at all": {
			nearly(8, `"args":["large"]`), func(*config.Task) {},
			"", "the entry is kept unchanged on the failed list",
		},
		"for a retry": {
			nearly(8, `"args":["large"]`), attempts(2),
			"", "not retried: redis refused the entry",
		},
		"for later": {
			nearly(8, `"args":["large"],"delay":3600`), func(*config.Task) {},
			"", "the entry cannot be delayed: redis refused the entry",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := smallRedis(t)
			r.errorScript(`echo told >>"$D/told"`)
			r.task("T", `echo run >>"$D/$1"; head -c 60000 /dev/zero | tr '\0' x; exit 3`, workers(4), c.task)
			s.Push(t, "q:T", c.entry)
			const others = 20
			for i := range others {
				s.Push(t, "q:T", fmt.Sprintf(`{"args":["small%d"]}`, i))
			}
			r.start()
			r.until("all are on the failed list", func() bool { return len(s.List(t, "q:T:failed")) == others+1 })
			r.until("all is told", func() bool { return len(s.Keys(t, "q:T:run:*")) == 0 })
			var large []string
			for _, record := range s.List(t, "q:T:failed") {
				if strings.Contains(record, `"large"`) {
					large = append(large, record)
				}
			}
			if len(large) != 1 || c.want == "" && large[0] != c.entry || !strings.HasSuffix(large[0], c.want) {
				t.Errorf("%d records; want the end %q, got …%s", len(large), c.want, large[0][len(large[0])-300:])
			}
			if !strings.Contains(r.log.String(), c.log) {
				t.Errorf("the log does not have %q", c.log)
			}
			if n := len(r.lines("told")); n != others+1 {
				t.Errorf("the error_script was told %d times", n)
			}
			if n, runs := len(r.lines("large")), 1; name == "for later" && n != 0 || name != "for later" && n != runs {
				t.Errorf("%d runs of the large one", n)
			}
			if got := r.counters.Snapshot(); got.Running != 0 || got.Failed != others+1 {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// Recovery goes on as well, with the next entry and the next dead instance.
func TestRecoveryOfWhatRedisDoesNotTake(t *testing.T) {
	t.Parallel()
	r, s := smallRedis(t)
	large := nearly(8, `"args":["large"]`)
	for _, id := range []string{"a-00000000", "b-00000000", "c-00000000"} {
		r.onRecord(id, func(i *store.Instance) {
			i.PID = deadPID(t)
			i.Types = map[string]store.InstanceType{"T": {Lists: 2}, "F": {Lists: 1, FailOnCrash: true}}
		})
		s.Push(t, "q:T:run:"+id+":0", large)
		s.Push(t, "q:T:run:"+id+":1", `{"args":["small"]}`)
		s.Push(t, "q:F:run:"+id+":0", large)
	}
	r.task("U", "")
	r.start()
	r.until("all are moved", func() bool { return len(s.Keys(t, "q:*:run:*")) == 0 })
	if n := len(s.List(t, "q:F:failed")); n != 3 {
		t.Errorf("%d are on the failed list", n)
	}
	got := make(map[string]int)
	for _, e := range s.List(t, "q:T") {
		switch {
		case e == large:
			got["large"]++
		case strings.HasPrefix(e, `{"args":["small"],"gordon":{"attempts":0,"crashes":1`):
			got["small"]++
		}
	}
	if got["large"] != 3 || got["small"] != 3 {
		t.Errorf("back in the queue: %v", got)
	}
	if !strings.Contains(r.log.String(), "redis refused an entry with its crash count") {
		t.Error("the log does not say that an entry has no count")
	}
}
