package host_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// askEnv makes this program print the state of the process whose identity is in the
// variable, instead of running tests.
const askEnv = "HOST_TEST_IDENTITY"

func answer(identity string) int {
	var other host.Identity
	me, err := host.Self()
	if err == nil {
		err = json.Unmarshal([]byte(identity), &other)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	me.MachineID = other.MachineID
	fmt.Println(me.State(other))
	return 0
}

// The pid of a dead daemon may now belong to another user, whose processes are hidden (the
// shipped strict.conf sets ProtectProc=invisible). The daemon must not count as alive for
// ever. It must not count as dead either, because the process may be a daemon of that user.
func TestAProcessThatIsHiddenIsUnknown(t *testing.T) {
	p, mine := child(t)
	reused := mine
	reused.StartTime--
	gone := mine
	gone.PID = 1 << 30
	program := reachable(t)
	ask := func(mount string, user int, about host.Identity) string {
		t.Helper()
		text, err := json.Marshal(about)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("unshare", "--mount", "sh", "-c",
			`mount -t proc -o "$0" proc /proc && exec setpriv --reuid="$1" --regid="$1" --clear-groups "$2"`, mount, fmt.Sprint(user), program)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), askEnv + "=" + string(text)}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v (this needs root): %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	const nobody = 65534
	for _, tc := range []struct {
		mount string
		user  int
		about host.Identity
		want  string
	}{
		{"hidepid=off", nobody, mine, "alive"},
		{"hidepid=off", nobody, reused, "dead"},
		{"hidepid=invisible", nobody, mine, "unknown"},
		{"hidepid=invisible", nobody, reused, "unknown"},
		{"hidepid=invisible", nobody, gone, "dead"},
		{"hidepid=invisible", 0, reused, "dead"}, // who may look sees it
	} {
		if got := ask(tc.mount, tc.user, tc.about); got != tc.want {
			t.Errorf("with %s, for user %d, process %d (it is %d) is %s, want %s", tc.mount, tc.user, tc.about.PID, p.Pid, got, tc.want)
		}
	}
}

// reachable returns a copy of this program that every user can execute.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "host-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(dir, "program")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	for _, err := range []error{err, to.Close(), os.Chmod(path, 0o755), os.Chmod(dir, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}
