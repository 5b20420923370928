//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// suites are the systems that every story is told on, by the names of their
// releases.
var suites = []string{"bookworm", "trixie"}

// patience bounds what should happen soon, and commandTimeout a single command.
// They are long because nothing waits for them in vain: a busy machine is slow.
const (
	patience       = 2 * time.Minute
	commandTimeout = 5 * time.Minute
)

// machine is one booted Debian. Its files are an overlay over the base, and go
// away with it.
type machine struct {
	t      *testing.T
	suite  string
	dir    string // of the overlay
	root   string // the files of the machine, as seen from here
	group  string // folder of the control group that it is in, here
	nspawn *exec.Cmd
	exited chan struct{} // closed when nspawn has ended
}

// onEverySuite tells a story once per suite, side by side.
func onEverySuite(t *testing.T, story func(t *testing.T, m *machine)) {
	t.Helper()
	t.Parallel()
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, suite)
			m.boot()
			story(t, m)
		})
	}
}

// newMachine makes the files of a machine that has not booted yet.
func newMachine(t *testing.T, suite string) *machine {
	t.Helper()
	base := strings.TrimSpace(onHost(t, "./base.sh", suite))
	m := &machine{t: t, suite: suite, dir: makeDir(t)}
	m.group = makeGroup(t, filepath.Base(m.dir))
	m.root = filepath.Join(m.dir, "root")
	for _, sub := range []string{"upper", "work", "root"} {
		must(t, os.Mkdir(filepath.Join(m.dir, sub), 0o755))
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", base, m.dir, m.dir)
	must(t, unix.Mount("overlay", m.root, "overlay", 0, options))
	t.Cleanup(func() { must(t, unix.Unmount(m.root, unix.MNT_DETACH)) })
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	// Without an id it would be a first boot, which enables all that is installed.
	m.write("/etc/machine-id", hex.EncodeToString(id)+"\n", 0o444)
	m.write("/etc/hostname", "debian\n", 0o644)
	m.write("/etc/hosts", "127.0.0.1 localhost debian\n", 0o644)
	// At what time of day a test runs makes no difference: logrotate, dpkg and apt have
	// timers.
	must(t, os.Symlink("/dev/null", filepath.Join(m.root, "etc/systemd/system/timers.target")))
	return m
}

// makeDir makes a folder that an overlay can write to; TMPDIR may be a tmpfs.
func makeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "gordon-e2e-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

// makeGroup makes a control group for a machine, below that of the test. Machines
// that shared one would share the whole tree below it: each systemd would see the
// processes of all others in its gordon.service, and wait for them.
func makeGroup(t *testing.T, name string) (dir string) {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	must(t, err)
	_, group, found := strings.Cut("\n"+string(own), "\n0::")
	if !found {
		t.Fatal("the test is in no control group of version 2, which a machine needs")
	}
	group, _, _ = strings.Cut(group, "\n")
	mount, _, _ := strings.Cut(onHost(t, "findmnt", "--noheadings", "--output=TARGET", "--types=cgroup2"), "\n")
	dir = filepath.Join(mount, group, name)
	must(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() {
		onHost(t, "find", dir, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";")
	})
	return dir
}

// boot starts the machine and returns when it is up.
func (m *machine) boot() {
	m.t.Helper()
	m.start()
	m.t.Cleanup(m.halt)
	m.waitUp()
}

// start starts nspawn, which ends with the machine.
func (m *machine) start() {
	m.t.Helper()
	console, err := os.OpenFile(filepath.Join(m.dir, "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(m.t, err)
	defer console.Close()
	m.nspawn = exec.Command("systemd-nspawn", "--quiet", "--directory="+m.root, "--boot", "--register=no", "--keep-unit",
		"--private-network", "--console=pipe", "--machine="+filepath.Base(m.dir))
	m.nspawn.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	m.nspawn.Stdout, m.nspawn.Stderr = console, console
	// No machine outlives the test, not even one that is killed.
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	group, err := os.Open(m.group)
	must(m.t, err)
	defer group.Close()
	m.nspawn.SysProcAttr.UseCgroupFD, m.nspawn.SysProcAttr.CgroupFD = true, int(group.Fd())
	must(m.t, m.nspawn.Start())
	exited := make(chan struct{})
	m.exited = exited
	go func(nspawn *exec.Cmd) {
		_ = nspawn.Wait() // how it ended is in its ProcessState
		close(exited)
	}(m.nspawn)
}

// wantsReboot is nspawn's exit status when the machine has gone down to come up
// again, and nspawn runs with --keep-unit.
const wantsReboot = 133

// reboot tells the machine to, as an administrator does, and returns when it is up
// again.
func (m *machine) reboot() {
	m.t.Helper()
	m.run("systemctl --no-block reboot")
	select {
	case <-m.exited:
	case <-time.After(patience):
		m.t.Fatalf("the machine did not go down within %v", patience)
	}
	if code := m.nspawn.ProcessState.ExitCode(); code != wantsReboot {
		m.t.Fatalf("the machine did not go down for a reboot: nspawn ended with %d", code)
	}
	m.start()
	m.waitUp()
}

func (m *machine) waitUp() {
	m.t.Helper()
	m.eventually("the machine is up", func() error {
		state, err := m.try("systemctl is-system-running")
		if s := strings.TrimSpace(state); s == "running" || s == "degraded" {
			return nil
		}
		return notYet("it is %q: %v", state, err)
	})
}

// halt ends the machine, at once: nothing in it is worth an orderly end. What it
// has to say of a failure is said first.
func (m *machine) halt() {
	if m.t.Failed() {
		log, _ := m.try("systemctl --no-pager list-units --failed; journalctl --no-pager --boot --output=short-precise | tail -n 80")
		m.t.Logf("the end of the journal:\n%s", log)
		console, _ := os.ReadFile(filepath.Join(m.dir, "console"))
		m.t.Logf("the end of the console:\n%s", console[max(0, len(console)-2000):])
	}
	if leader, err := m.leader(); err == nil {
		_ = syscall.Kill(leader, syscall.SIGKILL) // and with it all of its pid namespace
	}
	select {
	case <-m.exited:
	case <-time.After(patience): // it cleans up behind the machine
		_ = m.nspawn.Process.Kill()
		<-m.exited
	}
}

// leader returns the pid, here, of the machine's pid 1. Before that, for a moment,
// nspawn has a child that is still a process of the host, where no command of a test
// must ever run.
func (m *machine) leader() (int, error) {
	pid := m.nspawn.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(children)), " ")
	status, err := os.ReadFile(filepath.Join("/proc", first, "status"))
	if err != nil {
		return 0, err
	}
	if !isPID1.Match(status) {
		return 0, notYet("process %s is not the machine's", first)
	}
	return strconv.Atoi(first)
}

// isPID1 matches the status of a process that is pid 1 in a namespace other than this
// one; see proc_pid_status(5).
var isPID1 = regexp.MustCompile(`(?m)^NSpid:\t\d+\t(\d+\t)*1$`)

// try runs a shell command line as root inside, and returns what it wrote to
// standard output and error.
func (m *machine) try(command string) (string, error) {
	leader, err := m.leader()
	if err != nil {
		return "", fmt.Errorf("the machine is down: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
		"DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=cat", "bash", "-o", "pipefail", "-c", command)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(err, fmt.Errorf("it did not end within %v", commandTimeout))
	}
	return output.String(), err
}

// run is try for what has to succeed. The output comes without its last newline.
func (m *machine) run(format string, args ...any) string {
	m.t.Helper()
	command := fmt.Sprintf(format, args...)
	output, err := m.try(command)
	if err != nil {
		m.t.Fatalf("%v: %s\nfrom %s\nwhich said\n%s", err, lastLine(output), command, output)
	}
	return strings.TrimSuffix(output, "\n")
}

// refuse is try for what has to fail, with this exit status.
func (m *machine) refuse(status int, command string) string {
	m.t.Helper()
	output, err := m.try(command)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != status {
		m.t.Fatalf("ended with %v, want status %d: %s\nfrom %s\nwhich said\n%s", err, status, lastLine(output), command, output)
	}
	return output
}

// lastLine is where most programs say why they fail. It stands in the first line of a
// test's failure, which the report of the tests repeats at its end.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// write makes a file inside.
func (m *machine) write(path, content string, mode os.FileMode) {
	m.t.Helper()
	path = filepath.Join(m.root, path)
	must(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(m.t, os.WriteFile(path, []byte(content), mode))
	must(m.t, os.Chmod(path, mode))
}

// eventually asks until the answer is no error.
func (m *machine) eventually(what string, check func() error) {
	m.t.Helper()
	m.within(patience, what, check)
}

func (m *machine) within(limit time.Duration, what string, check func() error) {
	m.t.Helper()
	var err error
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	m.t.Fatalf("after %v it still does not hold that %s: %v", limit, what, err)
}

// onHost runs a program here.
func onHost(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, output, stderr.String())
	}
	return string(output)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// errNotYet says that there is nothing to see yet.
var errNotYet = errors.New("not yet")

func notYet(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNotYet, fmt.Sprintf(format, args...))
}
