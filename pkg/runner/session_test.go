package runner_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// The leader leads a session and a process group, so that one number names all three.
func TestATaskHasASessionOfItsOwn(t *testing.T) {
	fields := strings.Fields(printed(t, `echo $$; cut -d' ' -f5,6,7 /proc/$$/stat`, privilege.Attributes{}))
	if len(fields) != 4 || fields[1] != fields[0] || fields[2] != fields[0] || fields[3] != "0" {
		t.Errorf("pid, process group, session and terminal are %q", fields)
	}
}

// takesTerminal is a line of shell that tries to open the terminal $1, by all its names.
const takesTerminal = `(: <>/dev/tty) 2>/dev/null && echo has the terminal
	exec 3<>"$1" || exit; (: <>/dev/tty) 2>/dev/null && echo took the terminal; echo done`

// onTerminal is a daemon that was started in a terminal, which is its standard input.
func onTerminal() string {
	path, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		return err.Error()
	}
	text := ""
	if tty, err := os.Open("/dev/tty"); err != nil {
		text = "the daemon has no terminal: " + err.Error()
	} else {
		_ = tty.Close()
	}
	for _, a := range []privilege.Attributes{{}, {User: taskUser()}, {Nice: new(1)}} {
		s := sh(takesTerminal, a)
		s.Args = append(s.Args, "sh", path)
		p, err := runner.Start(s)
		if err != nil {
			return err.Error()
		}
		o := p.Wait()
		text += string(o.Stdout.Tail) + string(o.Stderr.Tail)
	}
	return text
}

// No task, with or without a user, has the terminal in which the daemon was started: the
// task could type into it with TIOCSTI, and would be stopped when it reads from it. The
// task does not get the terminal by opening it either.
func TestNoTaskHasTheDaemonsTerminal(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	master, slave := gordontest.Terminal(t)
	if err := slave.Chmod(0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{helperVar + "=terminal", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Stdin = slave
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_ = master.Close()
	var got string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got != strings.Repeat("done\n", 3) {
		t.Errorf("got %q", got)
	}
}

// keyringHelper is a task that prints the id of its session keyring, whether it finds
// a key there, and whether it can put that key there.
func keyringHelper() {
	id, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	_, found := unix.KeyctlSearch(id, "user", "gordon-test", 0)
	_, made := unix.AddKey("user", "gordon-test", []byte("secret"), unix.KEY_SPEC_SESSION_KEYRING)
	fmt.Println(id, err, found, made)
	os.Exit(0)
}

type keyrings struct {
	Own   int      // the daemon's
	Tasks []string // the output of keyringHelper
	Full  string   // how a start went when no key could be made any more
}

// hasKeyrings starts tasks as its own user and as others, and once more when its quota of
// keys is used up.
func hasKeyrings() (k keyrings) {
	path := os.Getenv(executableVar)
	k.Own, _ = unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	task := func(a privilege.Attributes) string {
		s := runner.Spec{Path: path, Env: []string{helperVar + "=keyring"}, Attributes: a}
		p, err := runner.Start(s)
		if err != nil {
			return err.Error()
		}
		o := p.Wait()
		return strings.TrimSpace(string(o.Stdout.Tail) + string(o.Stderr.Tail) + o.Reason())
	}
	other := taskUser()
	other.UID++
	for _, a := range []privilege.Attributes{{}, {}, {User: taskUser()}, {User: other}, {User: taskUser()}, {Nice: new(1)}} {
		k.Tasks = append(k.Tasks, task(a))
	}
	for i := range 1000 { // the default quota is 200
		if _, err := unix.AddKey("user", strconv.Itoa(i), []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING); err != nil {
			k.Full = err.Error() + "; "
			break
		}
	}
	for _, a := range []privilege.Attributes{{}, {User: taskUser()}} {
		k.Full += output("exit 0", a, nil)
	}
	return k
}

// Each task has a session keyring of its own: it finds no key of another
// task or of the daemon there. If no further keyring can be created, the task starts all
// the same.
func TestATaskHasAKeyringOfItsOwn(t *testing.T) {
	if !rootOrRefused(t) {
		return
	}
	t.Setenv(executableVar, gordontest.Executable(t))
	var k keyrings
	asDaemon(t, "keyrings", gordontest.UnitCaps(), &k)
	seen := map[string]bool{strconv.Itoa(k.Own): true}
	for i, text := range k.Tasks {
		id, rest, _ := strings.Cut(text, " ")
		if seen[id] || rest != "<nil> "+unix.ENOKEY.Error()+" <nil>" {
			t.Errorf("task %d, with the daemon's being %d: %s", i, k.Own, text)
		}
		seen[id] = true
	}
	if k.Full != unix.EDQUOT.Error()+"; " {
		t.Errorf("with the quota used up: %s", k.Full)
	}
}
