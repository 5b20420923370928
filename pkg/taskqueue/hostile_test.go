package taskqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// forge writes any record, which claims to be of a dead process of this machine.
func (r *rig) forge(id, types string) {
	r.t.Helper()
	self, err := host.Self()
	if err != nil {
		r.t.Fatal(err)
	}
	about, err := json.Marshal(map[string]any{
		"host": self.Hostname, "machine_id": self.MachineID, "boot_id": self.BootID, "pid_ns": self.PIDNamespace,
		"pid": deadPID(r.t.(*testing.T)), "start_time": 1, "types": json.RawMessage(types),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.server.Do(r.t, "HSET", "q:instances", id, about)
}

func (r *rig) checkAlive() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	if err := r.pool.Alive(ctx); err != nil {
		r.t.Error(err)
	}
}

// Records of foreign content are left alone, keep nobody busy, and keep nobody
// else's entries from coming back.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.times.Lease = 600 * time.Millisecond
	canaries := map[string]string{
		"q:T:run:live-00000000:0": "another's run list", "q:instance:live-00000000": "lease", "q:other": "another type", "other": "no key of ours",
		"q:T:run:*:0": "a glob", "q:a:run:a\r\nb:0": "line breaks", "q::run:-00000000:0": "no type",
	}
	for key, content := range canaries {
		r.server.Push(t, key, content)
	}
	invalid := []string{"", "*", "?", "[a-z]*", `\*`, "a\r\nb", "a\x00b", "live-00000000:0\r\nDEL q:other", "T:run:live-00000000"}
	for _, id := range invalid {
		r.forge(id, `{"T":{"slots":4}}`)
	}
	for i, types := range []string{
		`{"T":{"slots":1000000000}}`, `{"T":{"slots":-5}}`, `{"T":{"slots":[[[[]]]]}}`, `{"T":[]}`, `7`, `{"":{"slots":1}}`, `{"instances":{"slots":1}}`,
		`{"T":{"slots":4,"failed_ttl":-1}}`, `{"a\r\nb":{"slots":1}}`, `{"T":{"slots":4.5}}`, `{"T":{"slots":1e400}}`,
	} {
		id := fmt.Sprintf("forged-%08x", i)
		r.forge(id, types)
		invalid = append(invalid, id)
	}
	for i := range 200 {
		r.server.Do(t, "HSET", "q:instances", fmt.Sprintf("bad json %d\n\x1b[31m", i), "{")
	}
	r.forge("dead-00000001", `{"T":{"slots":131072}}`)
	r.server.Push(t, "q:T:run:dead-00000001:131071", "{}")
	r.task("T", `echo ran >>"$D/ran"`)
	r.start()
	r.until("the entry of the honest one ran", func() bool { return r.exists("ran") })
	r.until("it is off the record", func() bool { return r.server.Do(t, "HEXISTS", "q:instances", "dead-00000001").(int64) == 0 })
	time.Sleep(3 * r.times.Lease) // further looks, which have to change nothing
	r.checkAlive()
	for key, content := range canaries {
		if diff := cmp.Diff([]string{content}, r.server.List(t, key)); diff != "" {
			t.Errorf("%q: %s", key, diff)
		}
	}
	for _, id := range invalid {
		if r.server.Do(t, "HEXISTS", "q:instances", id).(int64) == 0 {
			t.Errorf("the record %q was removed", id)
		}
	}
	if n := strings.Count(r.log.String(), "is invalid"); n == 0 || n > 10 {
		t.Errorf("the log has %d lines about it", n)
	}
	if got := r.lines("ran"); len(got) != 1 {
		t.Errorf("ran %d times", len(got))
	}
}

// A record whose id is the beginning of a living instance's task ids must not
// have its tasks killed.
func TestForgedRecordsKillNothing(t *testing.T) {
	t.Parallel()
	for name, suffix := range map[string]string{"type": ".T", "a type like a nonce": ".T-00000000", "dot": "."} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.times.Lease = 300 * time.Millisecond
			r.task("T", `touch "$D/started"; while ! [ -e "$D/go" ]; do sleep 0.05; done; echo "$GORDON_TASK_ID" >"$D/ended"`)
			odd := r.config.Tasks["T"]
			odd.Type = "T-00000000"
			r.config.Tasks[odd.Type] = odd
			delete(r.config.Tasks, "T")
			r.push(odd.Type, "{}")
			r.start()
			r.until("it runs", func() bool { return r.exists("started") })
			own := r.pool.current.id
			id := own + suffix
			r.forge(id, `{"T":{"slots":2}}`)
			r.until("the forged one is dealt with", func() bool { return r.server.Do(t, "HEXISTS", "q:instances", id).(int64) == 0 })
			r.write("go")
			r.ended(1)
			if s := r.counters.Snapshot(); s.Done != 1 || !strings.HasPrefix(r.read("ended"), own) {
				t.Errorf("%+v, failed: %q", s, r.failed(odd.Type))
			}
		})
	}
}

// What Redis refuses of one dead instance must not keep the others' entries.
func TestARefusedRecoveryKeepsNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.times.Lease = 600 * time.Millisecond
	r.server.Do(t, "HSET", "q:hash", "no", "list")
	for i := range 10 {
		r.forge(fmt.Sprintf("stuck-%08x", i), `{"hash":{"slots":2}}`)
		r.server.Push(t, fmt.Sprintf("q:hash:run:stuck-%08x:0", i), fmt.Sprintf(`{"args":["%d"]}`, i))
		r.forge(fmt.Sprintf("dead-%08x", i), `{"T":{"slots":2},"hash":{"slots":2}}`)
		r.server.Push(t, fmt.Sprintf("q:T:run:dead-%08x:1", i), fmt.Sprintf(`{"args":["%d"]}`, i))
	}
	r.task("T", `echo ran >>"$D/ran"`)
	r.start()
	r.until("all ran that could", func() bool { return len(r.lines("ran")) == 10 })
	r.until("only those that are refused stand in run lists", func() bool { return r.inRunLists() == 10 })
	r.server.Do(t, "DEL", "q:hash")
	r.until("the others are back, too", func() bool { return len(r.server.List(t, "q:hash")) == 10 })
}

// oddNames can be types and parts of keys, and mean something elsewhere.
func oddNames() []string {
	return []string{
		"a b", " ", "a:b:c", "*", "a?c", "[a-z]", `\`, `\*`, "ü☃ 日本 \u202e", `"`, "'", "-rf", "--help", "$(reboot)", "; x", "%s%n", "a/../b", "{a}",
		strings.Repeat("x", 255), strings.Repeat("ü", 127), "run", "T:run", ":",
	}
}

// configureOdd gives each odd type a script that notes each run in a file of its
// own, and fails where the entry says so.
func (r *rig) configureOdd(t *testing.T) {
	for i, name := range oddNames() {
		path := filepath.Join(r.dir, fmt.Sprint(i, ".sh"))
		script := fmt.Sprintf("#!/bin/sh\nprintf '%%s %%s\\n' \"$1\" \"$GORDON_TASK_TYPE\" >>'%s/%d'\n[ \"$1\" != fail ] || exit 3\n", r.dir, i)
		if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		r.add(config.Task{Type: name, Script: path})
	}
}

// Each type is taken from, fails, is recovered and reloaded by its own name, and
// nothing else that the name could mean is touched.
func TestOddTypes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	canaries := []string{"q:abc", "q:a", "q:canary", "q:b", "q:canary:failed", "q:x:run:y:0", "q", "q:" + strings.Repeat("x", 254)}
	for _, key := range canaries {
		r.server.Push(t, key, "mine")
	}
	r.configureOdd(t)
	types := make(map[string]store.InstanceType)
	for _, name := range oddNames() {
		r.push(name, `{"args":["well"]}`, `{"args":["fail"]}`)
		types[name] = store.InstanceType{Lists: 2}
		r.server.Push(t, "q:"+name+":run:dead-00000000:1", `{"args":["recovered"]}`)
	}
	r.onRecord("dead-00000000", func(i *store.Instance) { i.PID, i.Types = deadPID(t), types })
	r.start()
	n := len(oddNames())
	r.until("all ran", func() bool { s := r.counters.Snapshot(); return s.Done == int64(2*n) && s.Failed == int64(n) })
	all := r.config.Tasks
	r.config.Tasks = map[string]config.Task{"*": all["*"], "-rf": all["-rf"]}
	r.reload()
	r.push("a?c", `{"args":["later"]}`)
	r.push("*", `{"args":["later"]}`)
	r.until("only what is configured ran", func() bool { return r.counters.Snapshot().Done == int64(2*n+1) })
	r.config.Tasks = all
	r.reload()
	r.until("what came back ran", func() bool { return r.counters.Snapshot().Done == int64(2*n+2) })
	for i, name := range oddNames() {
		want := map[string]int{"well": 1, "fail": 1, "recovered": 1}
		if name == "*" || name == "a?c" {
			want["later"] = 1
		}
		got := make(map[string]int)
		for line := range strings.Lines(r.read(fmt.Sprint(i))) {
			arg, taskType, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			got[arg]++
			if taskType != name {
				t.Errorf("%q ran as %q", name, taskType)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
		if failed := r.failed(name); len(failed) != 1 || !strings.HasPrefix(failed[0], `{"args":["fail"],`) || !strings.HasSuffix(failed[0], `"error_message":"exit status 3"}`) {
			t.Errorf("%q failed: %q", name, failed)
		}
	}
	for _, key := range canaries {
		if diff := cmp.Diff([]string{"mine"}, r.server.List(t, key)); diff != "" {
			t.Errorf("%q: %s", key, diff)
		}
	}
}

func TestOddQueueKeys(t *testing.T) {
	t.Parallel()
	for _, name := range append(oddNames(), "a\nb", "\x01", "") {
		t.Run(fmt.Sprintf("%.20q", name), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.config.QueueKey = name
			r.server.Push(t, "q:T", "mine")
			r.server.Push(t, "canary:T", "mine")
			r.task("T", `[ "$1" = well ]`)
			r.server.Push(t, name+":T", `{"args":["well"]}`, `{"args":["fail"]}`)
			r.start()
			r.until("both ran", func() bool { s := r.counters.Snapshot(); return s.Done == 1 && s.Failed == 1 })
			r.until("the record stands", func() bool { return len(r.server.List(t, name+":T:failed")) == 1 })
			for _, key := range []string{"q:T", "canary:T"} {
				if diff := cmp.Diff([]string{"mine"}, r.server.List(t, key)); diff != "" {
					t.Errorf("%q: %s", key, diff)
				}
			}
		})
	}
}
