package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Stat is the part of /proc/PID/stat that Gordon uses; see proc_pid_stat(5).
type Stat struct {
	PID  int
	Comm string // the command's name, without the parentheses
	// State is one letter: R, S, D, T, t, Z (zombie), X (dead) or another one.
	State byte
	PPID  int
	PGID  int
	// Threads is the number of threads of the process.
	Threads int
	// StartTime is in clock ticks since the boot.
	StartTime uint64
}

// errStat is wrapped by the errors for a stat line that is not of the documented form.
var errStat = errors.New("malformed stat line")

// Indexes of the fields after the command's name. The manual page counts from 1, and the
// name is field 2. So field 3 has the index 0.
const (
	statState   = 0  // field 3
	statPPID    = 1  // field 4
	statPGID    = 2  // field 5
	statThreads = 17 // field 20
	statStart   = 19 // field 22
)

// maxStat limits the length of a line. A line has 52 numbers of 20 digits at most, and a
// name of 64 bytes.
const maxStat = 2 << 10

// ReadStat reads /proc/PID/stat. The error wraps fs.ErrNotExist or ESRCH if
// the process does not exist or is hidden (hidepid=, proc(5)).
func ReadStat(pid int) (Stat, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, err
	}
	defer f.Close()
	var line [maxStat]byte
	n, err := io.ReadFull(f, line[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Stat{}, err
	}
	return ParseStat(line[:n])
}

// ParseStat reads one line of /proc/PID/stat. The process chooses the command's name,
// which may contain spaces, parentheses and newlines. Therefore it ends at
// the last closing parenthesis of the line and not at the first.
func ParseStat(line []byte) (Stat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 2 || end < open {
		return Stat{}, fmt.Errorf("%w: no name in %.80q", errStat, line)
	}
	fields := bytes.Fields(line[end+1:])
	if len(fields) <= statStart || len(fields[statState]) != 1 {
		return Stat{}, fmt.Errorf("%w: %d fields after the name", errStat, len(fields))
	}
	st := Stat{Comm: string(line[open+1 : end]), State: fields[statState][0]}
	var err error
	number := func(text []byte) int {
		n, perr := strconv.Atoi(string(text))
		err = errors.Join(err, perr)
		return n
	}
	st.PID = number(bytes.TrimSpace(line[:open]))
	st.PPID = number(fields[statPPID])
	st.PGID = number(fields[statPGID])
	st.Threads = number(fields[statThreads])
	start, perr := strconv.ParseUint(string(fields[statStart]), 10, 64)
	if err = errors.Join(err, perr); err != nil {
		return Stat{}, fmt.Errorf("%w: %w", errStat, err)
	}
	st.StartTime = start
	return st, nil
}

// Ended reports whether the process has ended and only waits to be reaped. The
// first thread of a process is a zombie too if it ended before the
// others; then the process as a whole is still alive.
func (s Stat) Ended() bool {
	return (s.State == 'Z' || s.State == 'X') && s.Threads <= 1
}
