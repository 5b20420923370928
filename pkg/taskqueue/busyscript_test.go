package taskqueue

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// A deploy that writes a script for longer than a start lasts fails no entry, keeps
// no other type from running, and does not hold up a stop.
func TestAScriptThatIsBeingWrittenIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$1" >>"$D/ran"`, workers(3))
	r.task("other", `echo "$1" >>"$D/other"`)
	writer, err := os.OpenFile(r.file("T.sh"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	r.push("T", `{"args":["1"]}`, `{"args":["2"]}`, `{"args":["3"]}`, `{"args":["4"]}`)
	r.start()
	r.until("three are waited for", func() bool { return strings.Count(r.log.String(), "text file busy") == 3 })
	for range 20 {
		r.push("other", `{"args":["x"]}`)
	}
	r.until("the others run", func() bool { return len(r.lines("other")) == 20 })
	if failed := r.failed("T"); len(failed) > 0 || len(r.lines("ran")) > 0 {
		t.Fatalf("ran %v, failed %q", r.lines("ran"), failed)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	r.ended(24)
	got := r.lines("ran")
	slices.Sort(got)
	if !slices.Equal(got, []string{"1", "2", "3", "4"}) {
		t.Errorf("ran %v, failed %q", got, r.failed("T"))
	}
}

// An empty script is one that somebody is about to write.
func TestAnEmptyScriptIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$1" >>"$D/ran"`)
	content := r.read("T.sh")
	if err := os.Truncate(r.file("T.sh"), 0); err != nil {
		t.Fatal(err)
	}
	r.push("T", `{"args":["1"]}`)
	r.start()
	r.until("it is waited for", func() bool { return strings.Contains(r.log.String(), "the file is empty") })
	if err := os.WriteFile(r.file("T.sh"), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	r.ended(1)
	if got := r.lines("ran"); len(got) != 1 {
		t.Errorf("ran %v, failed %q", got, r.failed("T"))
	}
}

// The notice of a failure is not lost while the error_script is being written.
func TestAnErrorScriptThatIsBeingWrittenIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript(`cat "$1" >"$D/told"`)
	r.task("T", "exit 3")
	writer, err := os.OpenFile(r.config.ErrorScript, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	r.push("T", `{}`)
	r.start()
	r.until("it is waited for", func() bool { return strings.Contains(r.log.String(), "text file busy") })
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	r.ended(1)
	if !strings.Contains(r.read("told"), "exit status 3") {
		t.Errorf("told %q", r.read("told"))
	}
}

// A stop waits for no script to be written: its entry goes back.
func TestAStopDoesNotWaitForAScriptThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "exit 0", func(t *config.Task) { t.OnCrash = config.CrashFail })
	writer, err := os.OpenFile(r.file("T.sh"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	r.push("T", `{"args":["1"]}`)
	r.start()
	r.until("it is waited for", func() bool { return strings.Contains(r.log.String(), "text file busy") })
	began := time.Now()
	r.pool.Shutdown(0, 5*time.Second, nil)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if got := r.server.List(t, "q:T"); len(got) != 1 {
		t.Errorf("the queue has %q, failed are %q", got, r.failed("T"))
	}
}
