package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// patched returns a copy of a program with another loader.
func patched(t *testing.T, program, loader string) string {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	own := []byte("/lib64/ld-linux-x86-64.so.2\x00")
	if runtime.GOARCH == "arm64" {
		own = []byte("/lib/ld-linux-aarch64.so.1\x00")
	}
	at := bytes.Index(content, own)
	if at < 0 || len(loader) >= len(own) {
		t.Fatalf("%s asks for another loader, or %s is too long", program, loader)
	}
	copy(content[at:at+len(own)], append([]byte(loader), make([]byte, len(own)-len(loader))...))
	return file(t, string(content), 0o755)
}

// everyone makes a file of a test accessible to other users.
func everyone(t *testing.T, path string) {
	t.Helper()
	for ; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			return // not this test's
		}
	}
}

// deadCase is a script on a file system that does not answer, or its folder there.
type deadCase struct{ Path, Dir string }

// deadStarts is the result of startsOnDead.
type deadStarts struct {
	Errors  []string // wrong results of starts
	Threads int      // additional threads
	Others  int      // tasks that ran meanwhile
}

// startsOnDead is a daemon whose script is on a file system that does not answer.
func startsOnDead() (d deadStarts) {
	gate := runner.NewGate()
	defer gate.Close()
	threads := func() int {
		list, _ := os.ReadDir("/proc/self/task")
		return len(list)
	}
	fails := func(what string, s runner.Spec, within time.Duration) {
		s.Gate = gate
		began := time.Now()
		_, err := runner.Start(s)
		took := time.Since(began)
		if !errors.Is(err, files.ErrHangs) || !runner.Transient(err) || took > within {
			d.Errors = append(d.Errors, fmt.Sprintf("%s: after %v %v", what, took, err))
		}
	}
	var c deadCase
	if err := json.Unmarshal([]byte(os.Getenv("CASE")), &c); err != nil {
		panic(err)
	}
	const soon = 20 * time.Second // it is 2 s, on a machine that has nothing else to do
	for _, user := range []*privilege.Identity{nil, taskUser()} {
		before := threads()
		s := runner.Spec{Path: c.Path, Attributes: privilege.Attributes{Dir: c.Dir, User: user}}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { fails(fmt.Sprint(c, user), s, soon) })
		}
		wg.Go(func() { // other tasks and the garbage collector go on meanwhile
			for range 20 {
				runtime.GC()
				if output("exit 3", privilege.Attributes{}, gate) == "exit status 3" {
					d.Others++
				}
			}
		})
		wg.Wait()
		for range 20 {
			fails("again "+fmt.Sprint(c, user), s, 1500*time.Millisecond) // sooner than a look ends
		}
		d.Threads = max(d.Threads, threads()-before)
	}
	check := runner.CheckProgram(privilege.Attributes{Dir: c.Dir}, c.Path, gate)
	if c.Dir != "" {
		check = runner.Check(privilege.Attributes{Dir: c.Dir}, gate)
	}
	if strings.Contains(c.Path+c.Dir, "dead/") && !errors.Is(check, files.ErrHangs) {
		d.Errors = append(d.Errors, fmt.Sprintf("check of %v: %v", c, check))
	}
	return d
}

// A start that uses a file system that does not answer fails within a time limit. It
// blocks neither the daemon nor other starts, and keeps only a few threads. The script may
// be there, its interpreter, its program's loader, or its folder. The daemons of all cases
// run at the same time, because they mostly wait.
func TestStartsOnADeadFileSystem(t *testing.T) {
	t.Parallel()
	if !rootOrRefused(t) {
		return
	}
	mount, heal := gordontest.DeadFolder(t)
	short, err := os.MkdirTemp("/tmp", "g")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	dead := short + "/dead"
	if err := os.Symlink(mount, dead); err != nil {
		t.Fatal(err)
	}
	everyone(t, short)
	everyone(t, filepath.Dir(mount))
	script := file(t, "#!"+dead+"/php -n\n", 0o755)
	nested := file(t, "#!"+script+"\n", 0o755)
	loaded := patched(t, "/bin/true", dead+"/l")
	indirect := file(t, "#!"+loaded+" x\n", 0o755)
	cases := []deadCase{
		{Path: dead + "/script"},
		{Path: script},
		{Path: nested},
		{Path: loaded},
		{Path: indirect},
		{Path: "/bin/true", Dir: dead + "/dir"},
	}
	defer time.AfterFunc(4*patience, heal).Stop()
	var wg sync.WaitGroup
	for _, c := range cases {
		if !strings.HasPrefix(c.Path, dead) {
			everyone(t, c.Path)
		}
		wg.Go(func() { startOnDead(t, c) })
	}
	wg.Wait()
}

// startOnDead runs startsOnDead in a process of its own, so that this one can end it if it
// hangs.
func startOnDead(t *testing.T, c deadCase) {
	text, err := json.Marshal(c)
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVar+"=dead", "CASE="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var d deadStarts
	if err = errors.Join(err, json.Unmarshal(out, &d)); err != nil {
		t.Errorf("%+v: %v: %s", c, err, out)
		return
	}
	for _, text := range d.Errors {
		t.Error(text)
	}
	if want := 20 * 2; d.Others != want {
		t.Errorf("%+v: %d other tasks ran, want %d", c, d.Others, want)
	}
	if d.Threads > 20 {
		t.Errorf("%+v: %d additional threads", c, d.Threads)
	}
}

// A start works again after the file system does.
func TestStartAfterADeadFileSystem(t *testing.T) {
	t.Parallel()
	gate := runner.NewGate()
	defer gate.Close()
	dead, heal := gordontest.DeadFolder(t)
	link := filepath.Join(t.TempDir(), "script")
	if err := os.Symlink(dead+"/script", link); err != nil {
		t.Fatal(err)
	}
	s := runner.Spec{Path: link, Gate: gate}
	if _, err := runner.Start(s); !errors.Is(err, files.ErrHangs) {
		t.Fatalf("error is %v", err)
	}
	heal()
	if err := errors.Join(os.Remove(link), os.Symlink("/bin/true", link)); err != nil {
		t.Fatal(err)
	}
	gordontest.Until(t, "it starts", func() bool {
		p, err := runner.Start(s)
		if err != nil {
			return false
		}
		want(t, p.Wait(), runner.Exited, "")
		return true
	})
}

// The owner of a file cannot delay a start with a lease on it: the kernel would wait in
// execve, for 45 s (fs.lease-break-time).
func TestStartOfALeasedScript(t *testing.T) {
	path := script(t, "exit 3")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lease := func(kind int) {
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, kind); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		lease(unix.F_WRLCK)
		began := time.Now()
		text := refused(t, runner.Spec{Path: path}, unix.EAGAIN)
		if took := time.Since(began); took > 20*time.Second || !strings.HasSuffix(text, "("+path+" has a file lease)") {
			t.Errorf("after %v: %s", took, text)
		}
		lease(unix.F_UNLCK)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := runner.Start(runner.Spec{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	want(t, p.Wait(), runner.Exited, "exit status 3")
}

// The path of a script may lead to any kind of file.
func TestStartOfAFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(dir+"/fifo", 0o755); err != nil {
		t.Fatal(err)
	}
	if text := refused(t, runner.Spec{Path: dir + "/fifo"}, unix.EACCES); text != "permission denied (it is not a regular file)" {
		t.Error(text)
	}
	if text := refused(t, runner.Spec{Path: file(t, "#!"+dir+"/fifo\n", 0o755)}, unix.EACCES); !strings.Contains(text, "its interpreter is") {
		t.Error(text)
	}
}
