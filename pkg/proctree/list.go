package proctree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/host"
)

// processes lists the visible processes that have not ended, without pid 1 and this
// process. If a process cannot be read for lack of descriptors or memory, processes
// returns an error instead of a list without it.
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
		case capacity.Exhausted(err):
			return nil, fmt.Errorf("listing processes: %w", err)
		case err != nil: // it has ended, or this process may not see it
		case !st.Ended():
			list = append(list, st)
		}
	}
	return list, nil
}

// maxStatus limits how much of /proc/PID/status is read. The users are near its top.
const maxStatus = 4 << 10

// runsAs reports whether uid is the real, effective or saved user of a process. The owner
// of its files in /proc does not show that: for a process that must not be dumped, the
// owner is root.
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
