package proctree

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// buffer holds a part of an environment.
type buffer [64 << 10]byte

// buffers lends buffers to searches.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

// markerOf returns the value of GORDON_TASK_ID in the environment with which
// the process was started, proc_pid_environ(5). It is not found if the process belongs to
// another user (the error is fs.ErrPermission), is a kernel thread or
// has begun to exit, or if a program has overwritten its environment
// (setproctitle). The size is limited to that of execve(2), because a process can make its
// environment as large as its memory (PR_SET_MM(2const)).
func markerOf(pid int) (marker string, found bool, err error) {
	environ, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", false, err
	}
	defer environ.Close()
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	return findMarker(io.LimitReader(environ, taskenv.MaxTotal), buf)
}

// markerAs is markerOf with the rights of the process' owner, on a thread that is locked
// to the goroutine. It finds nothing for a process of root, because reading its
// environment takes root's capabilities, too.
func markerAs(pid int, allowed func(uid uint32) bool) (marker string, found bool, err error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(pid), &st); err != nil || st.Uid == 0 || !allowed(st.Uid) {
		return "", false, err
	}
	owner := privilege.Identity{UID: st.Uid, GID: st.Gid}
	err = owner.WithFSIDs(func() (err error) {
		marker, found, err = markerOf(pid)
		return err
	})
	return marker, found, err
}

// findMarker reads variables, each ended by a NUL, up to the marker. A value that
// does not fit into the buffer is not one of Gordon's.
func findMarker(environ io.Reader, buf *buffer) (marker string, found bool, err error) {
	const needle = "\x00" + taskenv.TaskID + "="
	buf[0] = 0 // so that the first variable begins like the others
	for have := 1; ; {
		n, err := environ.Read(buf[have:])
		have += n
		last := errors.Is(err, io.EOF)
		keep := min(have, len(needle)-1) // the needle may have begun
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
