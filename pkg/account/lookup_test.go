package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/account"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

func TestLookupUser(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	groups, err := me.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{me.Username, me.Uid, "0" + me.Uid} {
		a, err := account.LookupUser(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range a.Groups {
			got = append(got, strconv.Itoa(int(g)))
		}
		if a.Name != me.Username || strconv.Itoa(int(a.UID)) != me.Uid || strconv.Itoa(int(a.GID)) != me.Gid || a.Home != me.HomeDir || !slices.Contains(got, me.Gid) || len(got) != len(groups) {
			t.Errorf("%s is %+v, want %+v with %q", name, a, me, groups)
		}
	}
	nobody, err := account.LookupUser(t.Context(), "nobody")
	if err != nil || nobody.Shell != "" {
		t.Errorf("nobody is %+v, %v", nobody, err)
	}
	if _, err := account.LookupUser(t.Context(), "no-such-user"); !errors.Is(err, account.ErrUnknown) || err.Error() != `"no-such-user" does not exist on this system` {
		t.Errorf("error is %v", err)
	}
}

func TestLookupGroup(t *testing.T) {
	for _, name := range []string{"daemon", "1"} { // base-passwd, setup
		if gid, err := account.LookupGroup(t.Context(), name); gid == 0 || err != nil {
			t.Errorf("%s is %d, %v", name, gid, err)
		}
	}
	if _, err := account.LookupGroup(t.Context(), "no-such-group"); !errors.Is(err, account.ErrUnknown) {
		t.Errorf("error is %v", err)
	}
}

// The daemon's PATH may begin with a folder that belongs to the user of a task.
func TestLookupsDoNotUseTheDaemonsPath(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"getent", "id"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho nobody:x:7:7::/:\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if a, err := account.LookupUser(t.Context(), "nobody"); err != nil || a.UID == 7 {
		t.Errorf("nobody is %+v, %v", a, err)
	}
}

// A lookup gets nothing of the daemon's environment. That environment may come from
// anywhere, such as the shell that started the daemon.
func TestLookupsDoNotUseTheDaemonsEnvironment(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	t.Setenv("NSS_WRAPPER_PASSWD", "/of/an/attacker")
	got := lookUpWith(t, map[string]string{"getent": `#!/bin/sh
env | sort | tr '\n' ' ' >&2; exit 1
`})
	if want := "getent passwd nobody: exit status 1\nLC_ALL=C PATH=/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin PWD=/ _=/usr/bin/env"; got != want && strings.Replace(want, " _=/usr/bin/env", "", 1) != got {
		t.Errorf("got %q", got)
	}
}

// lookUpWith looks up the user nobody in a mount namespace in which these scripts are the
// programs of the system. It returns the result as text.
func lookUpWith(t *testing.T, programs map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVar+"=system", "PROGRAMS="+dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

// looksUpThere does the work of lookUpWith, in a process of its own.
func looksUpThere() string {
	dir := os.Getenv("PROGRAMS")
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	entries, err2 := os.ReadDir(dir)
	err = errors.Join(err, err2)
	for _, e := range entries {
		target, fault := filepath.EvalSymlinks("/usr/bin/" + e.Name())
		err = errors.Join(err, fault, unix.Mount(filepath.Join(dir, e.Name()), target, "", unix.MS_BIND, ""))
	}
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	a, err := account.LookupUser(ctx, "nobody")
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%+v", a)
}

// A valid answer is one line for the requested name, with valid numbers. All other
// answers are errors, and a service that hangs does not hang the daemon.
func TestLookupAnswers(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	const nobody = "nobody:x:7:8::/:/bin/sh"
	for name, tc := range map[string]struct{ getent, id, want string }{
		"fine":           {"echo " + nobody, "echo 8 9", "{Name:nobody UID:7 GID:8 Groups:[8 9] Home: Shell:/bin/sh}"},
		"somebody else":  {"echo root:x:0:0::/:/bin/sh", "", `getent passwd nobody: the result is for "root"; use that name if you mean that account`},
		"another first":  {"echo nobody:x:0:0::/:; echo " + nobody, "", `getent passwd nobody: expected one line, got 41 bytes ending with "` + nobody + `\n"`},
		"no end":         {"printf nobody:x:7:8::/:", "", `getent passwd nobody: expected one line, got 16 bytes ending with ""`},
		"nothing":        {"exit 0", "", `getent passwd nobody: expected one line, got 0 bytes ending with ""`},
		"long":           {"head -c 70000 /dev/zero; echo; echo " + nobody, "", ""},
		"no number":      {"echo nobody:x:-1:8::/:/bin/sh", "echo 8", `number of a user or group: strconv.ParseUint: parsing "-1": invalid syntax`},
		"no user":        {"echo nobody:x:4294967295:8::/:/bin/sh", "echo 8", "number of a user or group: value out of range"},
		"groups of whom": {"echo " + nobody, "echo 0 27", `id -G nobody: "0 27" lacks the primary group 8`},
		"two lines":      {"echo " + nobody, "echo 0; echo 8", `id -G -- nobody: expected one line, got 4 bytes ending with "8\n"`},
		"hangs":          {"exec sleep 1000", "", "getent did not finish in time: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			got := lookUpWith(t, map[string]string{"getent": "#!/bin/sh\n" + tc.getent + "\n", "id": "#!/bin/sh\n" + tc.id + "\n"})
			if tc.want == "" && strings.Contains(got, "expected one line, got") {
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Lines by which an attacker becomes root.
const (
	forgedUser   = "nobody:x:0:0::/root:/bin/bash\n"
	forgedGroups = "0\n"
)

// attackHelper is a script of the daemon's user that writes into the standard output
// of every process that it can, until it is killed.
func attackHelper() {
	self := os.Getpid()
	for {
		entries, _ := os.ReadDir("/proc")
		for _, e := range slices.Backward(entries) {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == self {
				continue
			}
			fd, err := unix.Open("/proc/"+e.Name()+"/fd/1", unix.O_WRONLY|unix.O_NONBLOCK, 0)
			if err != nil {
				continue
			}
			line := forgedUser
			if comm, _ := os.ReadFile("/proc/" + e.Name() + "/comm"); string(comm) == "id\n" {
				line = forgedGroups
			}
			_, _ = unix.Write(fd, []byte(line))
			_ = unix.Close(fd)
		}
	}
}

// enough is the least number of lookups during an attack, however busy the machine is.
const enough = 20

type attacked struct {
	Lookups int
	Victims int    // processes without a guard that the attacker has reached
	Wrong   string // a lookup that was not as it has to be
}

// lookUpUnderAttack looks users and groups up while a script of its own user tries to
// answer.
func lookUpUnderAttack() (a attacked) {
	attacker, err := runner.Start(runner.Spec{Path: os.Getenv(executableVar), Env: []string{helperVar + "=attack"}})
	if err != nil {
		panic(err)
	}
	go attacker.Wait()
	defer func() {
		attacker.Stop(context.Background(), 0)
		attacker.Wait()
	}()
	// Proof that the attack works: it reaches processes that are not guarded.
	victims := func(n int) {
		for deadline := time.Now().Add(patience); a.Victims < n && time.Now().Before(deadline); {
			if text := output("sleep 0.02"); strings.HasPrefix(text, forgedUser) {
				a.Victims++
			}
		}
	}
	victims(1)
	right, err := account.LookupUser(context.Background(), "nobody")
	if err != nil {
		a.Wrong = err.Error()
	}
	for end := time.Now().Add(4 * time.Second); (time.Now().Before(end) || a.Lookups < enough) && a.Wrong == ""; a.Lookups++ {
		u, err := account.LookupUser(context.Background(), "nobody")
		if err != nil || !cmp.Equal(u, right) || u.UID == 0 {
			a.Wrong = fmt.Sprintf("%+v, %v", u, err)
		}
		if gid, err := account.LookupGroup(context.Background(), "daemon"); gid != 1 || err != nil {
			a.Wrong += fmt.Sprintf("group daemon is %d, %v", gid, err)
		}
	}
	victims(2)
	return a
}

// A script of the daemon's own user cannot answer in place of getent or id. For an attack
// it would be enough to write one line before they do.
func TestNoScriptAnswersForTheSystem(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	t.Setenv(executableVar, gordontest.Executable(t))
	for name, caps := range map[string][]uintptr{
		"users.conf":       gordontest.UnitCaps(),
		"without CAP_KILL": {unix.CAP_SETGID, unix.CAP_SETUID},
	} {
		t.Run(name, func(t *testing.T) {
			var a attacked
			asDaemon(t, "attacked", caps, &a)
			if a.Wrong != "" || a.Victims < 2 || a.Lookups < enough {
				t.Errorf("after %d lookups: %s; %d victims", a.Lookups, a.Wrong, a.Victims)
			}
			t.Logf("%d lookups", a.Lookups)
		})
	}
}
