package runner_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// sh is a line of shell, which needs no file that another user may not read.
func sh(line string, a privilege.Attributes) runner.Spec {
	return runner.Spec{Path: "/bin/sh", Args: []string{"-c", line}, Env: os.Environ(), Attributes: a}
}

// printed runs a line of shell and returns its output.
func printed(t *testing.T, line string, a privilege.Attributes) string {
	t.Helper()
	s := sh(line, a)
	gate := runner.NewGate()
	defer gate.Close()
	s.Gate = gate
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	o := p.Wait()
	want(t, o, runner.Exited, "")
	return strings.TrimSpace(string(o.Stdout.Tail) + string(o.Stderr.Tail))
}

// self describes the attributes of all threads of this process.
func self(t *testing.T) string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, task := range tasks {
		stat, err := os.ReadFile(task + "/stat")
		status, err2 := os.ReadFile(task + "/status")
		cwd, err3 := os.Readlink(task + "/cwd")
		if errors.Join(err, err2, err3) != nil {
			continue // the thread has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
		if fields[1] == "Z" || fields[1] == "X" {
			continue // it is about to
		}
		one := "nice " + fields[17] + " in " + cwd
		for line := range strings.Lines(string(status)) {
			for _, name := range []string{"Uid", "Gid", "Groups", "Umask"} {
				if strings.HasPrefix(line, name+":") {
					one += " " + strings.Join(strings.Fields(line), " ")
				}
			}
		}
		all = append(all, one)
	}
	return strings.Join(all, "\n")
}

// unchanged notes the attributes of this process. It returns a function that fails the test
// unless all threads have the same attributes.
func unchanged(t *testing.T) (check func()) {
	t.Helper()
	before, _, _ := strings.Cut(self(t), "\n")
	return func() {
		t.Helper()
		gordontest.Until(t, "all threads are as before: "+before, func() bool {
			for line := range strings.SplitSeq(self(t), "\n") {
				if line != before {
					t.Log(line)
					return false
				}
			}
			return true
		})
	}
}

func TestAttributesReachTheScript(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		a          privilege.Attributes
		line, want string
	}{
		"nothing":           {privilege.Attributes{}, "nice; umask", "0\n0022"},
		"directory":         {privilege.Attributes{Dir: dir}, "pwd -P", dir},
		"umask":             {privilege.Attributes{Umask: new(0o27)}, "umask", "0027"},
		"umask of nothing":  {privilege.Attributes{Umask: new(0)}, "umask", "0000"},
		"nice":              {privilege.Attributes{Nice: new(7)}, "nice; sh -c nice", "7\n7"},
		"idle":              {privilege.Attributes{IO: privilege.IOPriority{Class: privilege.IOIdle}}, "ionice", "idle"},
		"best effort":       {privilege.Attributes{IO: privilege.IOPriority{Class: privilege.IOBestEffort, Level: 6}}, "ionice", "best-effort: prio 6"},
		"best effort first": {privilege.Attributes{IO: privilege.IOPriority{Class: privilege.IOBestEffort}}, "ionice", "best-effort: prio 0"},
		"OOM score":         {privilege.Attributes{OOMScoreAdj: new(500)}, "cat /proc/self/oom_score_adj /proc/$$/oom_score_adj", "500\n500"},
		"all": {
			privilege.Attributes{Dir: dir, Umask: new(0o77), Nice: new(3), IO: privilege.IOPriority{Class: privilege.IOIdle}, OOMScoreAdj: new(1000)},
			"pwd -P; umask; nice; ionice; cat /proc/self/oom_score_adj", dir + "\n0077\n3\nidle\n1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer unix.Umask(unix.Umask(0o22))
			check := unchanged(t)
			if diff := cmp.Diff(tc.want, printed(t, tc.line, tc.a)); diff != "" {
				t.Error(diff)
			}
			check()
		})
	}
}

// An attribute that cannot be set is named, and nothing is started.
func TestAttributesThatFail(t *testing.T) {
	defer unchanged(t)()
	missing := privilege.Attributes{Dir: "/nonexistent/x"}
	s := sh("exit 0", missing)
	for _, tc := range []struct {
		spec runner.Spec
		no   error
		text string
	}{
		{s, unix.ENOENT, "cannot enter the working directory /nonexistent/x: no such file or directory"},
		{sh("", privilege.Attributes{Dir: "/bin/sh"}), unix.ENOTDIR, "cannot enter the working directory /bin/sh: not a directory"},
		{runner.Spec{Path: "/nonexistent", Attributes: privilege.Attributes{Dir: "/"}}, unix.ENOENT, "fork/exec /nonexistent: no such file or directory"},
		{sh("", privilege.Attributes{OOMScoreAdj: new(5)}), unix.EINVAL, "cannot set the OOM score to 5: invalid argument"}, // without a gate
	} {
		before := descriptors(t)
		p, err := runner.Start(tc.spec)
		if err == nil {
			p.Wait()
			t.Fatalf("it started; want %s", tc.text)
		}
		var start *runner.StartError
		if !errors.As(err, &start) || start.Path != tc.spec.Path || !errors.Is(err, tc.no) || err.Error() != tc.text {
			t.Errorf("error %q, want %q", err, tc.text)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors became %d", before, after)
		}
	}
	if err := runner.Check(missing, nil); !errors.Is(err, unix.ENOENT) {
		t.Errorf("Check says %v", err)
	}
}

func TestCheckProgram(t *testing.T) {
	for path, text := range map[string]string{
		"/bin/sh":                         "",
		"/nonexistent":                    "fork/exec /nonexistent: no such file or directory",
		"/etc":                            "fork/exec /etc: permission denied (it is a directory)",
		"/etc/passwd":                     "fork/exec /etc/passwd: permission denied (it is not executable: use chmod +x)",
		file(t, "#!/bin/sh\nexit", 0o755): "",
	} {
		err := runner.CheckProgram(privilege.Attributes{}, path, nil)
		if got := fmt.Sprint(err); err != nil && got != text || err == nil && text != "" {
			t.Errorf("%s: %q, want %q", path, got, text)
		}
	}
}

// No start happens while the daemon has the score of another start.
func TestOOMScoresAreNotMixed(t *testing.T) {
	gate := runner.NewGate()
	defer gate.Close()
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				s, score := sh("cat /proc/self/oom_score_adj", privilege.Attributes{}), strings.TrimSpace(string(own))
				if i%2 == 0 {
					score = fmt.Sprint(900 + 10*i + j%5)
					s.OOMScoreAdj = new(900 + 10*i + j%5)
				}
				s.Gate = gate
				p, err := runner.Start(s)
				if err != nil {
					t.Error(err)
					return
				}
				if got := strings.TrimSpace(string(p.Wait().Stdout.Tail)); got != score {
					t.Errorf("a task has the score %s, want %s", got, score)
				}
			}
		})
	}
	wg.Wait()
	if now, err := os.ReadFile("/proc/self/oom_score_adj"); string(now) != string(own) || err != nil {
		t.Errorf("the daemon has the score %q (%v) now, had %q", now, err, own)
	}
}
