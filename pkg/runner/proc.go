package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// procID names one process for good: no two processes of one boot have both in
// common.
type procID struct {
	pid   int
	start uint64 // clock ticks since the boot
}

func idOf(st host.Stat) procID { return procID{pid: st.PID, start: st.StartTime} }

// living reports whether the process still exists and has not ended.
func (id procID) living() bool {
	st, err := host.ReadStat(id.pid)
	return err == nil && idOf(st) == id && !st.Ended()
}

// signal sends sig to the process, and to no other that got its pid meanwhile:
// the pidfd is opened first and what it stands for checked afterwards; see
// pidfd_open(2). It reports whether the process was still there.
func (id procID) signal(sig unix.Signal) (sent bool, err error) {
	fd, err := unix.PidfdOpen(id.pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH):
		return false, nil
	case err != nil:
		// No pidfds here (an old kernel, or a sandbox that forbids them):
		// between the check and the signal a pid could change hands, if all
		// others were given out within those microseconds.
		fd = -1
	default:
		defer closeFD(&fd)
	}
	if !id.living() {
		return false, nil
	}
	if fd < 0 {
		err = unix.Kill(id.pid, sig)
	} else {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("sending %s to process %d: %w", unix.SignalName(sig), id.pid, err)
	}
	return true, nil
}

// processes lists the processes that may be seen and have not ended, without
// pid 1 and without this process. It is an error, and not a process less, when one
// can't be looked at for want of descriptors or memory.
func processes() ([]host.Stat, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	self := os.Getpid()
	var list []host.Stat
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == 1 || pid == self {
			continue
		}
		st, err := host.ReadStat(pid)
		switch {
		case Transient(err):
			return nil, fmt.Errorf("listing processes: %w", err)
		case err != nil: // it ended meanwhile, or isn't ours to see
		case !st.Ended():
			list = append(list, st)
		}
	}
	return list, nil
}

// maxStatus bounds how much of /proc/PID/status is read: the users are near its top.
const maxStatus = 4 << 10

// runsAs reports whether a user is the real, effective or saved one of a process. The
// owner of its files in /proc does not show it: of a process that must not be dumped,
// that is root.
func runsAs(pid int, uid uint32) (bool, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false, err
	}
	defer f.Close()
	var status [maxStatus]byte
	n, err := io.ReadFull(f, status[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	_, rest, _ := bytes.Cut(status[:n], []byte("\nUid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	ids := strings.Fields(string(line)) // the last one is for files
	return len(ids) == 4 && slices.Contains(ids[:3], strconv.FormatUint(uint64(uid), 10)), nil
}

// markerOf returns the value of GORDON_TASK_ID in the environment with which
// the process was started, proc_pid_environ(5). It is not found where the
// process belongs to another user (an fs.ErrPermission), is a kernel thread or
// has begun to exit, and where a program has written another text over it
// (setproctitle). No more is read than execve(2) takes: a process can make its
// environment as large as its memory (PR_SET_MM(2const)).
func markerOf(pid int) (marker string, found bool, err error) {
	environ, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", false, err
	}
	defer environ.Close()
	buf := readBuffers.Get().(*readBuffer)
	defer readBuffers.Put(buf)
	return findMarker(io.LimitReader(environ, taskenv.MaxTotal), buf)
}

// findMarker reads variables, each ended by a NUL, up to the marker. A value that
// does not fit into the buffer is none of Gordon's.
func findMarker(environ io.Reader, buf *readBuffer) (marker string, found bool, err error) {
	const needle = "\x00" + taskenv.TaskID + "="
	buf[0] = 0 // the first variable is like the others
	for have := 1; ; {
		n, err := environ.Read(buf[have:])
		have += n
		last := errors.Is(err, io.EOF)
		keep := min(have, len(needle)-1) // it may have begun
		if at := bytes.Index(buf[:have], []byte(needle)); at >= 0 {
			value, _, ended := bytes.Cut(buf[at+len(needle):have], []byte{0})
			if ended || last {
				return string(value), true, nil
			}
			if keep = have - at; keep == len(buf) {
				return "", false, nil
			}
		}
		if last {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		have = copy(buf[:], buf[have-keep:have])
	}
}
