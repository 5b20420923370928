package taskqueue

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
)

func (r *rig) errorScript(body string) {
	r.t.Helper()
	path := r.file("error.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nD='"+r.dir+"'\n"+body+"\n"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.config.ErrorScript = path
}

func TestCompatErrorScriptGetsAFileThatTellsOfTheFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript(`cp "$1" "$D/told"; echo "$1" >"$D/path"; stat -c %a "$1" >"$D/mode"`)
	r.task("T", "echo oops; exit 3")
	r.push("T", `{"args":["a b"]}`)
	r.start()
	r.ended(1)
	want := "Failed executing task for type \"T\"\nPayload:\n{\"args\":[\"a b\"]}\n\nexit status 3\noops\n"
	if diff := cmp.Diff(strings.TrimRight(want, "\n"), strings.TrimRight(r.read("told"), "\n")); diff != "" {
		t.Error(diff)
	}
	path := strings.TrimSpace(r.read("path"))
	if _, err := os.Stat(path); !os.IsNotExist(err) || !strings.HasPrefix(path, r.config.TempDir+"/") {
		t.Errorf("the file %s in %s: %v", path, r.config.TempDir, err)
	}
	if got := strings.TrimSpace(r.read("mode")); got != "600" {
		t.Errorf("its mode is %s", got)
	}
}

func TestCompatErrorScriptRunsForUnreadableEntriesAndWithoutAFailedList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript(`sed -n 3p "$1" >>"$D/told"`)
	r.task("T", "exit 1", func(t *config.Task) { t.Failed.TTL = 0 })
	r.push("T", `{"args":[1]}`, `{}`)
	r.start()
	r.ended(2)
	if got := r.read("told"); got != "{\"args\":[1]}\n{}\n" {
		t.Errorf("told of %q", got)
	}
	if left := r.failed("T"); len(left) != 1 || !strings.HasPrefix(left[0], `{"args":[1],`) {
		t.Errorf("on the failed list: %v", left)
	}
}

func TestAFailingErrorScriptIsLogged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript("echo not today; exit 4")
	r.task("T", "exit 1")
	r.push("T", "{}")
	r.start()
	r.ended(1)
	if log := r.log.String(); !strings.Contains(log, "exit status 4") || !strings.Contains(log, "not today") {
		t.Errorf("log: %s", log)
	}
	if n := len(r.failed("T")); n != 1 {
		t.Errorf("%d on the failed list", n)
	}
}

// The notice may be repeated by a crash, but not lost: it is given before the
// entry leaves its run list.
func TestErrorScriptRunsBeforeTheEntryLeavesItsRunList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript(`touch "$D/telling"; while ! [ -e "$D/go" ]; do sleep 0.05; done`)
	r.task("T", "exit 1")
	r.push("T", "{}")
	r.start()
	r.until("the error_script runs", func() bool { return r.exists("telling") })
	if r.inRunLists() != 1 || len(r.failed("T")) != 0 {
		t.Errorf("%d in run lists, %d failed", r.inRunLists(), len(r.failed("T")))
	}
	r.write("go")
	r.ended(1)
}

// The last stage of a stop leaves nobody a grace.
func TestKillEndsAnErrorScriptThatIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.KillGrace = time.Hour
	r.errorScript(`trap '' TERM; touch "$D/telling"; while :; do sleep 0.05; done`)
	r.task("T", "exit 1")
	r.push("T", "{}")
	r.start()
	r.until("the error_script runs", func() bool { return r.exists("telling") })
	r.pool.Abort()
	r.pool.Kill()
	select {
	case <-r.pool.Over():
	case <-time.After(20 * time.Second):
		t.Fatal("it has its grace")
	}
	if n := len(r.failed("T")); n != 1 {
		t.Errorf("the failure is known, %d on the failed list", n)
	}
}

func TestAbortEndsAnErrorScriptThatHangs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.KillGrace = 200 * time.Millisecond
	r.errorScript(`touch "$D/telling"; while :; do sleep 0.05; done`)
	r.task("T", "exit 1")
	r.push("T", "{}")
	r.start()
	r.until("the error_script runs", func() bool { return r.exists("telling") })
	began := time.Now()
	r.pool.Abort()
	<-r.pool.Over()
	if d := time.Since(began); d > output.DefaultErrorScriptTimeout/2 {
		t.Errorf("took %v", d)
	}
	if n := len(r.failed("T")); n != 1 {
		t.Errorf("the failure is known, %d on the failed list", n)
	}
}
