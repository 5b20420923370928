package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shell runs blocks of the README unchanged. PATH makes them use the gordon and redis-cli
// of this test.
type shell struct {
	t        *testing.T
	dir, bin string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	server.Flush(t)
	s := &shell{t: t, dir: t.TempDir(), bin: t.TempDir()}
	client, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.bin, "redis-cli"), "#!/bin/sh\nexec "+client+" -s "+server.Socket+" \"$@\"\n", 0o755)
	return s
}

func (s *shell) env() []string { return []string{"PATH=" + s.bin + ":" + os.Getenv("PATH")} }

func (s *shell) run(text string) string {
	s.t.Helper()
	return mustRun(s.t, s.dir, s.env(), "sh", "-e", "-c", text)
}

// start runs a command in the background until the end of the test, and returns the
// path of its log.
func (s *shell) start(command string) (log string) {
	s.t.Helper()
	daemon := exec.Command("sh", "-c", "exec "+command)
	daemon.Dir, daemon.Env = s.dir, append(os.Environ(), s.env()...)
	file, err := os.Create(filepath.Join(s.bin, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	daemon.Stdout, daemon.Stderr = file, file
	if err := daemon.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		// Ctrl-C sends the same signal.
		if err := daemon.Process.Signal(syscall.SIGINT); err != nil {
			s.t.Error(err)
		}
		if err := daemon.Wait(); err != nil {
			s.t.Errorf("gordon: %v\n%s", err, read(s.t, file.Name()))
		}
	})
	return file.Name()
}

// build builds gordon into the PATH of the commands.
func (s *shell) build() {
	s.t.Helper()
	mustRun(s.t, ".", nil, "go", "build", "-o", filepath.Join(s.bin, "gordon"), "github.com/nevsnode/gordon/v2/cmd/gordon")
}

func TestQuickStart(t *testing.T) {
	s := newShell(t)
	s.build()
	steps := section(t, "Quick start", "sh")
	if len(steps) != 4 {
		t.Fatalf("the quick start has %d steps; this test knows 4: prepare, start, push, look", len(steps))
	}
	if out := s.run(steps[0]); !strings.Contains(out, "no running gordon was asked") || !strings.HasSuffix(out, "\nConfiguration is valid\n") {
		t.Fatalf("step 1 printed %q", out)
	}
	s.dir = filepath.Join(s.dir, "gordon-try")
	// The README's Redis is at the default address; this one is private.
	write(t, filepath.Join(s.dir, "gordon.d", "redis.toml"), "redis_address = \""+server.Socket+"\"\n", 0o644)

	log := s.start(steps[1])

	s.run(steps[2])
	until(t, "both entries ran", func() bool {
		return strings.Contains(read(t, log), "task done") && len(server.List(t, "taskqueue:hello:failed")) == 1
	})
	if diff := cmp.Diff(steady(section(t, "Quick start", "")[0]), steady(s.run(steps[3]))); diff != "" {
		t.Errorf("the README shows another result: %s", diff)
	}
	if line := section(t, "Log", "")[0]; !sameKeys(line, failure(t, log)) {
		t.Errorf("the README shows a log line of another form than\n%s", failure(t, log))
	}
}

// steady removes the values that differ from run to run from a record.
func steady(record string) string {
	record = regexp.MustCompile(`"(cpu_\w+|io_\w+|peak_\w+)":\d+,`).ReplaceAllString(record, "")
	return regexp.MustCompile(`"(task_id|started_at|duration_ms)":("[^"]*"|\d+)`).ReplaceAllString(record, `"$1":…`)
}

// failure returns the line of the log that reports a failure.
func failure(t *testing.T, log string) string {
	t.Helper()
	for line := range strings.Lines(read(t, log)) {
		if strings.Contains(line, "ERROR task failed") {
			return line
		}
	}
	t.Fatalf("no failure in the log:\n%s", read(t, log))
	return ""
}

// sameKeys compares the words of two log lines without the values. Disk traffic is only
// logged if a file was not in memory.
func sameKeys(a, b string) bool {
	keys := func(line string) (keys []string) {
		for _, word := range strings.Fields(line)[2:] {
			key, _, _ := strings.Cut(word, "=")
			if key == "io_read" || key == "io_written" {
				continue
			}
			keys = append(keys, key)
		}
		return keys
	}
	return slices.Equal(keys(a), keys(b))
}

func TestFailedTasksCommands(t *testing.T) {
	s := newShell(t)
	steps := slices.Concat(section(t, "Failed tasks", "sh"), section(t, "Run failed tasks again", "sh"), section(t, "Unreadable entries", "sh"))
	records := []string{
		`{"args":["1"],"error_message":"exit status 1"}`,
		`{"args":["2"],"error_message":"exit status 1"}`,
		`{"args":["3"],"error_message":"exit status 1"}`,
	}
	const queue, failed = "taskqueue:mail", "taskqueue:mail:failed"
	server.Push(t, failed, records...)

	if out := s.run(steps[0]); out != strings.Join(records, "\n")+"\n" {
		t.Errorf("looking shows %q", out)
	}
	s.run(steps[1])
	if diff := cmp.Diff(records[:1], server.List(t, queue)); diff != "" {
		t.Errorf("after one was moved: %s", diff)
	}
	s.run(steps[2])
	if diff := cmp.Diff(records, server.List(t, queue)); diff != "" || len(server.List(t, failed)) != 0 {
		t.Errorf("after all were moved: %s", diff)
	}
	s.run(steps[2]) // there are none now

	server.Flush(t)
	server.Push(t, failed, `{"raw":"ann@example.org","error_message":"the entry cannot be read"}`)
	if out := s.run(steps[3]); !strings.HasPrefix(out, `{"raw":"ann@example.org",`) {
		t.Errorf("the record is shown as %q", out)
	}
	if diff := cmp.Diff([]string{`{"args":["ann@example.org"]}`}, server.List(t, queue)); diff != "" || len(server.List(t, failed)) != 0 {
		t.Errorf("after the record was corrected: %s", diff)
	}
}

// The errors that the README shows are those that gordon check prints.
func TestReadmeShowsTheErrorsOfCheck(t *testing.T) {
	s := newShell(t)
	s.build()
	write(t, filepath.Join(s.dir, "gordon.toml"), strings.Repeat("\n", 11)+"[tasks.mail]\nscript = \"/bin/true\"\nworker = 5\n", 0o644)
	write(t, filepath.Join(s.dir, "gordon.d", "app.toml"), "[tasks.preview]\n", 0o644)
	out, err := run(s.dir, s.env(), "sh", "-c", "gordon check gordon.toml")
	if err == nil {
		t.Error("the configuration is valid")
	}
	shown := section(t, "Configuration", "")[0]
	if want := strings.ReplaceAll(strings.TrimPrefix(shown, "$ gordon check\n"), "/etc/", ""); !strings.Contains(out, want) {
		t.Errorf("gordon check prints\n%s\nand the README shows\n%s", out, shown)
	}
}
