package capacity_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/capacity"
)

// roomEnv makes the test program print the room of a user before and after it has started
// some processes. The value is the limit of processes of that user.
const roomEnv = "CAPACITY_TEST_ROOM"

// roomHelper is the program: it runs as the user already.
func roomHelper(limit string) {
	n, err := strconv.ParseUint(limit, 10, 32)
	if err == nil {
		err = unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		panic(err)
	}
	r := capacity.NewRoom()
	defer r.Close()
	before, _ := r.Free(true)
	for range 5 {
		if err := exec.Command("/bin/sleep", "60").Start(); err != nil {
			panic(err)
		}
	}
	after, by := r.Free(true)
	fmt.Printf("%d %d %s\n", r.Limit(), before-after, by)
}

func TestRoomOfAUser(t *testing.T) {
	uid := 60000 + os.Getpid()%5000
	program := os.Args[0] // in a folder that others may not enter
	copied := t.TempDir() + "/program"
	content, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(copied, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for dir := t.TempDir(); dir != os.TempDir() && dir != "/"; dir = dir[:strings.LastIndexByte(dir, '/')] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(copied)
	cmd.Env = append(os.Environ(), roomEnv+"=200")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}, Setpgid: true}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // its processes
	if got := out.String(); !strings.HasPrefix(got, "200 5 the user has ") {
		t.Errorf("it said %q, %v\n%s", got, err, stderr.String())
	}
}

// Root has no limit of its own.
func TestRoomOfRoot(t *testing.T) {
	r := capacity.NewRoom()
	defer r.Close()
	if n, by := r.Free(true); n <= 0 || n == math.MaxInt && by != "" {
		t.Errorf("%d, %q", n, by)
	}
}
