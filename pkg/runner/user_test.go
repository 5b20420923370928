package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// Users that need not exist: the kernel knows numbers only.
const (
	daemonUID = 61001 // the user of the unprivileged daemon
	taskUID   = 61002
	taskGID   = 61003
	moreGID   = 61004
)

func taskUser() *privilege.Identity {
	return &privilege.Identity{Name: "task", UID: taskUID, GID: taskGID, Groups: []uint32{taskGID, moreGID}}
}

// whoami is a line of shell that prints its user, groups and capabilities.
const whoami = `grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb):' /proc/self/status | tr -s '\t ' ' ' | sed 's/ $//'`

// identity returns the output of whoami for an identity without capabilities.
func identity(uid, gid int, groups string) string {
	u, g := strconv.Itoa(uid), strconv.Itoa(gid)
	text := "Uid:" + strings.Repeat(" "+u, 4) + "\nGid:" + strings.Repeat(" "+g, 4) + "\n" + strings.TrimSpace("Groups: "+groups) + "\n"
	for _, set := range []string{"Inh", "Prm", "Eff", "Amb"} {
		text += "Cap" + set + ": 0000000000000000\n"
	}
	return text
}

// asDaemon runs one of the helpers below in a process of its own, as a daemon that is not
// root and has these capabilities, as a unit gives them. It decodes the result into into.
// It needs root.
func asDaemon(t *testing.T, name string, caps []uintptr, into any) {
	t.Helper()
	gordontest.AsUser(t, daemonUID, caps, []string{helperVar + "=" + name, executableVar + "=" + os.Getenv(executableVar)}, into)
}

// unprivilegedHelper is a daemon that is not root.
func unprivilegedHelper(name string) {
	found := map[string]func() any{
		"identities": func() any { return identities() },
		"refusals":   func() any { return refusals() },
		"foreign":    func() any { return endsForeign() },
		"scores":     func() any { return scores() },
		"terminal":   func() any { return onTerminal() },
		"dead":       func() any { return startsOnDead() },
		"keyrings":   func() any { return hasKeyrings() },
		"room":       func() any { return startsWhileThereIsRoom() },
	}[name]()
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// output runs a line of shell, and returns its output or the reason of its failure.
func output(line string, a privilege.Attributes, g *runner.Gate) string {
	s := sh(line, a)
	s.Gate = g
	p, err := runner.Start(s)
	if err != nil {
		return err.Error()
	}
	o := p.Wait()
	return string(o.Stdout.Tail) + string(o.Stderr.Tail) + o.Reason()
}

// rootOrRefused reports whether this process may become another user. If it may not,
// rootOrRefused checks that Start reports that.
func rootOrRefused(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	defer unchanged(t)()
	_, err := runner.Start(sh("exit 0", privilege.Attributes{User: taskUser()}))
	var start *runner.StartError
	if !errors.As(err, &start) || !errors.Is(err, unix.EPERM) ||
		!strings.HasPrefix(err.Error(), "cannot become user task: operation not permitted (CAP_SETUID, CAP_SETGID is missing; add AmbientCapabilities=") {
		t.Errorf("error is %v", err)
	}
	return false
}

type found struct{ Own, Plain, User, Group, AfterMany string }

func identities() (f found) {
	status, _ := os.ReadFile("/proc/self/status")
	f.Own = string(status)
	f.Plain = output(whoami, privilege.Attributes{}, nil)
	f.User = output(whoami, privilege.Attributes{User: taskUser()}, nil)
	f.Group = output(whoami, privilege.Attributes{User: &privilege.Identity{Name: "g", UID: daemonUID, GID: taskGID, KeepGroups: true}}, nil)
	// From any thread, with others of both kinds at the same time.
	var wg sync.WaitGroup
	var mu sync.Mutex
	all := map[string]bool{}
	for i := range 20 {
		a := privilege.Attributes{}
		if i%2 == 0 {
			a.User = taskUser()
		}
		wg.Go(func() {
			for range 5 {
				text := output(whoami, a, nil)
				mu.Lock()
				all[text] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for text := range all {
		if text != f.Plain && text != f.User {
			f.AfterMany += text
		}
	}
	return f
}

// A script gets none of the capabilities by which the daemon starts and ends it,
// whatever its user is.
func TestScriptsGetNoCapabilities(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	var f found
	asDaemon(t, "identities", gordontest.UnitCaps(), &f)
	if !strings.Contains(f.Own, "CapAmb:\t00000000000000e0") || !strings.Contains(f.Own, "CapEff:\t00000000000000e0") {
		t.Errorf("the daemon has other capabilities:\n%s", f.Own)
	}
	if diff := cmp.Diff(identity(daemonUID, daemonUID, ""), f.Plain); diff != "" {
		t.Errorf("as the daemon:\n%s", diff)
	}
	if diff := cmp.Diff(identity(taskUID, taskGID, "61003 61004"), f.User); diff != "" {
		t.Errorf("as a user:\n%s", diff)
	}
	if diff := cmp.Diff(identity(daemonUID, taskGID, ""), f.Group); diff != "" {
		t.Errorf("as a group:\n%s", diff)
	}
	if f.AfterMany != "" {
		t.Errorf("of many, some are somebody else:\n%s", f.AfterMany)
	}
}

// A process that a root daemon starts as a user is that user in every respect.
func TestUserOfARootDaemon(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	defer unchanged(t)()
	a := privilege.Attributes{User: taskUser()}
	if diff := cmp.Diff(strings.TrimSpace(identity(taskUID, taskGID, "61003 61004")), printed(t, whoami, a)); diff != "" {
		t.Error(diff)
	}
	// The descriptors are the user's own: with the daemon's, these fail.
	if got := printed(t, "echo a >/dev/stdout; echo b >/dev/stderr; cat /dev/stdin", a); got != "a\nb" {
		t.Errorf("the streams: %q", got)
	}
	s := sh("cat /dev/stdin", a)
	s.Stdin = []byte("{}")
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	if o := p.Wait(); string(o.Stdout.Tail) != "{}" {
		t.Errorf("/dev/stdin: %q, %q", o.Stdout.Tail, o.Stderr.Tail)
	}
}

// The working directory is entered, and the program executed, with the user's
// rights and not with the daemon's.
func TestRightsToFilesAreTheUsers(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	closed := t.TempDir() // of root, mode 0700
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	a := privilege.Attributes{User: taskUser(), Dir: closed}
	if _, err := runner.Start(sh("exit 0", a)); fmt.Sprint(err) != "cannot enter the working directory "+closed+": permission denied (the user task has no access)" {
		t.Errorf("error is %v", err)
	}
	program := closed + "/script"
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	a.Dir = ""
	_, err := runner.Start(runner.Spec{Path: program, Attributes: a})
	check := runner.CheckProgram(a, program, nil)
	for _, err := range []error{err, check} {
		if !strings.HasPrefix(fmt.Sprint(err), "fork/exec "+program+": permission denied (as user task") {
			t.Errorf("error is %v", err)
		}
	}
	own, err := os.MkdirTemp("/var/tmp", "gordon-test-") // others can reach it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(own)
	if err := errors.Join(os.Chown(own, taskUID, taskGID), os.Chmod(own, 0o700)); err != nil {
		t.Fatal(err)
	}
	a.Dir = own
	if got := printed(t, "pwd -P; touch x; stat -c '%u %g' x", a); got != own+"\n61002 61003" {
		t.Errorf("in a folder of its own: %q", got)
	}
}

func refusals() map[string]string {
	gate := runner.NewGate()
	defer gate.Close()
	text := map[string]string{}
	for name, a := range map[string]privilege.Attributes{
		"user":  {User: taskUser()},
		"group": {User: &privilege.Identity{Name: "g", UID: daemonUID, GID: taskGID, KeepGroups: true}},
		"nice":  {Nice: new(-5)},
		"io":    {IO: privilege.IOPriority{Class: privilege.IORealTime}},
		"oom":   {OOMScoreAdj: new(-900)},
		"fine":  {Nice: new(5), IO: privilege.IOPriority{Class: privilege.IOIdle}, OOMScoreAdj: new(900), Umask: new(0o77), Dir: "/"},
	} {
		text[name] = output("exit 0", a, gate)
		check := runner.Check(a, gate)
		if check != nil && check.Error() != text[name] {
			text[name] += " BUT CHECK SAYS " + check.Error()
		} else if check == nil && text[name] != "" {
			text[name] += " BUT CHECK SAYS NOTHING"
		}
	}
	return text
}

// A missing right is named, with the setting that would give it.
func TestMissingRightsAreNamed(t *testing.T) {
	t.Parallel()
	if !rootOrRefused(t) {
		return
	}
	var got map[string]string
	asDaemon(t, "refusals", nil, &got)
	user := " (CAP_SETUID, CAP_SETGID is missing; add AmbientCapabilities=CAP_SETUID CAP_SETGID CAP_KILL to the unit)"
	nice := " (add AmbientCapabilities=CAP_SYS_NICE to the unit)"
	want := map[string]string{
		"user":  "cannot become user task: operation not permitted" + user,
		"group": "cannot become a member of the group g: operation not permitted" + user,
		"nice":  "cannot set the nice value to -5: permission denied" + nice,
		"io":    "cannot set the I/O priority: operation not permitted" + nice,
		"oom":   "cannot set the OOM score to -900: permission denied (add AmbientCapabilities=CAP_SYS_RESOURCE to the unit)",
		"fine":  "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// It could start the user's processes, but not end them.
	asDaemon(t, "refusals", []uintptr{unix.CAP_SETUID, unix.CAP_SETGID}, &got)
	if !strings.Contains(got["user"], "BUT CHECK SAYS cannot kill processes of user task: operation not permitted (CAP_KILL is missing") {
		t.Errorf("without CAP_KILL: %q", got["user"])
	}
}

// scores sets an OOM score and takes it back without privileges, also after a child has
// changed its user. Then the daemon can no longer open its own files in /proc.
func scores() []string {
	gate := runner.NewGate()
	defer gate.Close()
	before, _ := os.ReadFile("/proc/self/oom_score_adj")
	got := []string{output("exit 0", privilege.Attributes{User: taskUser()}, gate)}
	for _, a := range []privilege.Attributes{{OOMScoreAdj: new(700)}, {}, {OOMScoreAdj: new(800), User: taskUser()}} {
		got = append(got, output("cat /proc/self/oom_score_adj", a, gate))
	}
	after, _ := os.ReadFile("/proc/self/oom_score_adj")
	if got[2] != string(before) || string(after) != string(before) {
		got = append(got, fmt.Sprintf("before %s, after %s", before, after))
	}
	got[2] = ""
	return got
}

func TestOOMScoreWithoutPrivileges(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	var got []string
	asDaemon(t, "scores", gordontest.UnitCaps(), &got)
	if diff := cmp.Diff([]string{"", "700\n", "", "800\n"}, got); diff != "" {
		t.Error(diff)
	}
}

type ended struct {
	Escaped, AfterStop, Killed, AfterKill string
	Signal, Trace                         string
}

// foreignMarker is the prefix of the markers of processes that a daemon of this test starts.
func foreignMarker(test int) string { return fmt.Sprintf("foreign.%d.", test) }

// endsForeign ends the processes that it has started as another user, and tries the attacks
// of that user, and of its own, on it.
func endsForeign() (e ended) {
	// In a session of its own, and without a parent: only the marker is left.
	const escape = `(setsid sh -c 'trap "" TERM; echo $$; exec sleep 1000' &); exec sleep 1000`
	someone := taskUser()
	someone.UID += uint32(1 + os.Getpid()%1000) // so that no other process has this user
	begin := func(marker string) *runner.Process {
		marker = foreignMarker(os.Getppid()) + marker
		s := sh(escape, privilege.Attributes{User: someone})
		s.Env, s.Marker = append(s.Env, taskenv.TaskID+"="+marker), marker
		p, err := runner.Start(s)
		if err != nil {
			panic(err)
		}
		return p
	}
	processes := func() (list []host.Stat) {
		entries, _ := os.ReadDir("/proc")
		for _, entry := range entries {
			pid, _ := strconv.Atoi(entry.Name())
			info, err := os.Stat("/proc/" + entry.Name())
			if pid == 0 || err != nil || info.Sys().(*syscall.Stat_t).Uid != someone.UID {
				continue
			}
			if st, err := host.ReadStat(pid); err == nil && !st.Ended() {
				list = append(list, st)
			}
		}
		return list
	}
	left := func() (text string) {
		for _, st := range processes() {
			text += fmt.Sprintf("%d %s ", st.PID, st.Comm)
		}
		return text
	}
	// The shells in between are gone, and the last program of both is there.
	escaped := func() bool {
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
			if list := processes(); len(list) == 2 && list[0].Comm == "sleep" && list[1].Comm == "sleep" {
				return true
			}
		}
		return false
	}

	p := begin("1")
	e.Escaped = fmt.Sprint(escaped())
	go p.Stop(context.Background(), time.Millisecond)
	p.Wait()
	e.AfterStop = left()

	p = begin("2")
	escaped()
	n, err := proctree.KillMarked(context.Background(), func(m string) bool { return m == foreignMarker(os.Getppid())+"2" })
	e.Killed, e.AfterKill = fmt.Sprint(n, err), left()
	p.Stop(context.Background(), 0) // where it could not
	p.Wait()

	// The leader's parent is this daemon.
	e.Signal = output("kill -0 $PPID 2>/dev/null && echo may signal; exit 0", privilege.Attributes{User: someone}, nil)
	e.Trace = output("cat /proc/$PPID/environ /proc/$PPID/maps >/dev/null 2>&1 && echo may look; exit 0", privilege.Attributes{}, nil)
	return e
}

// Processes of another user are found and ended wherever they went. The daemon's
// capabilities stay with it: the other user may not signal it, and its own user may not
// read its memory.
func TestForeignProcessesAreEnded(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	defer func() { // where the daemon could not
		_, err := proctree.KillMarked(t.Context(), func(m string) bool { return strings.HasPrefix(m, foreignMarker(os.Getpid())) })
		if err != nil {
			t.Error(err)
		}
	}()
	var e ended
	asDaemon(t, "foreign", gordontest.UnitCaps(), &e)
	if diff := cmp.Diff(ended{Escaped: "true", Killed: "2 <nil>"}, e); diff != "" {
		t.Error(diff)
	}
}

// Another user's process that sets the marker of a task does not belong to the task. It is
// neither ended with it nor waited for. The task's own processes are, wherever they went.
func TestAMarkerOfAnotherUserIsNone(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	forger := taskUser()
	forger.UID += 10
	marker := markerOf(t)
	begin := func(line string, u *privilege.Identity, flag flag) *runner.Process {
		if err := os.WriteFile(string(flag), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(string(flag), int(u.UID), int(u.GID)); err != nil {
			t.Fatal(err)
		}
		everyone(t, filepath.Dir(string(flag)))
		s := sh(line, privilege.Attributes{User: u})
		s.Args, s.Env, s.Marker = append(s.Args, "sh", string(flag)), append(s.Env, taskenv.TaskID+"="+marker), marker
		p, err := runner.Start(s)
		if err != nil {
			t.Fatal(err)
		}
		go p.Wait()
		return p
	}
	forged, own := newFlag(t), newFlag(t)
	other := begin(`echo $$ >"$1"; exec sleep 1000`, forger, forged)
	task := begin(`(setsid sh -c 'trap "" TERM; echo $$ >"$0"; exec sleep 1000' "$1" &); exec sleep 1000`, taskUser(), own)
	defer func() {
		other.Stop(context.Background(), 0)
		other.Wait()
	}()
	stranger, orphan := forged.pid(t), own.pid(t)
	task.Stop(t.Context(), 10*time.Millisecond)
	task.Wait()
	if !alive(stranger) || alive(orphan) {
		t.Errorf("the other user's process lives: %v, the task's: %v", alive(stranger), alive(orphan))
	}
}
