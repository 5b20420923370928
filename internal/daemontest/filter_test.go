package daemontest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// With refuseEnv, the test program becomes the program of refuseBinary, whose new
// system calls are refused with this error number.
const (
	refuseEnv    = "GORDON_TEST_REFUSE"
	refuseBinary = "GORDON_TEST_REFUSE_BINARY"
)

// newCalls are those that an old or strict container refuses; a C library that may
// not use clone3(2) ends the program, unless the error is ENOSYS.
// keyctl(2) is no new one, but refused by most containers.
var newCalls = []uint32{unix.SYS_CLONE3, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_KEYCTL}

// execRefused replaces this program by binary, behind a filter of system calls
// (seccomp(2)) that refuses newCalls. It returns only with an error.
func execRefused(errno, binary string) error {
	no, err := strconv.ParseUint(errno, 10, 16)
	if err != nil {
		return fmt.Errorf("the error number: %w", err)
	}
	runtime.LockOSThread() // the filter is the thread's, and the new program's
	const numberOfCall = 0 // offset in struct seccomp_data
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: numberOfCall}}
	for i, call := range newCalls {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(newCalls) - i), K: call})
	}
	program = append(
		program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(no)},
	)
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0); err != nil {
		return fmt.Errorf("install the filter: %w", err)
	}
	return unix.Exec(binary, append([]string{binary}, os.Args[1:]...), os.Environ())
}

func TestRunsWhereNewSystemCallsAreRefused(t *testing.T) {
	t.Parallel()
	shipped := shippedBinary(t)
	for _, no := range []syscall.Errno{unix.EPERM, unix.ENOSYS} {
		t.Run(unix.ErrnoName(no), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Binary = os.Args[0]
			s.Script("T", `sleep 0.1; echo $1 >>$D/done`)
			s.Configure(s.Task("T", 4))
			d := s.Run([]string{fmt.Sprintf("%s=%d", refuseEnv, no), refuseBinary + "=" + shipped})
			d.Says("gordon is up")
			for n := range 20 {
				s.server.Push(t, "q:T", gordontest.Numbered(n))
			}
			gordontest.Until(t, "all ran", func() bool { return len(s.Lines("done")) == 20 })
			d.Stop()
			if left := leftInRedis(t, s.server); len(left) > 0 {
				t.Errorf("left in redis: %v", left)
			}
		})
	}
}
