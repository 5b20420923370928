package program

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// headSize is the size of the beginning of a file that the kernel reads
	// (BINPRM_BUF_SIZE).
	headSize = 256
	// maxInterpreters limits the files on the way to a program: a script's interpreter
	// may be a script, up to four times, and the program has a loader.
	maxInterpreters = 6
)

// LeaseError reports that a process holds a lease on a file (fcntl(2), F_SETLEASE). It
// can keep execve waiting with it.
type LeaseError struct{ Path string }

// Error names the file.
func (e *LeaseError) Error() string { return e.Path + " has a file lease" }

// Probe opens and reads the files that execve(2) will open and read until it can replace
// the program: the file, the interpreters of scripts, a program's loader. It reports only
// a lease, as a *LeaseError. execve reports all other errors better.
func Probe(path string) error {
	for range maxInterpreters {
		next, err := probeOne(path)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return &LeaseError{Path: path}
		}
		if err != nil || next == "" {
			return nil //nolint:nilerr // execve meets the same
		}
		path = next
	}
	return nil
}

// probeOne reads one file, and returns the path of the file that it needs.
func probeOne(path string) (next string, err error) {
	// Without O_NONBLOCK, a FIFO or a lease would block this thread.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", err
	}
	var buf [headSize]byte
	n, err := unix.Pread(fd, buf[:], 0)
	if err != nil {
		return "", err
	}
	if next, ok := interpreterOf(buf[:n]); ok {
		return next, nil
	}
	return loaderOf(fd, buf[:n])
}

// interpreterOf returns the interpreter in the first line of a script, up to
// the first blank, as the kernel reads it; execve(2), "Interpreter scripts".
func interpreterOf(head []byte) (path string, ok bool) {
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return "", false
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	name, _, _ := bytes.Cut(bytes.Trim(line, " \t"), []byte(" "))
	name, _, _ = bytes.Cut(name, []byte("\t"))
	return string(name), true
}

// The parts of elf(5) that lead to the loader of a program. The offsets are those of
// files for machines of 64 and of 32 bits.
const (
	elfMagic    = "\x7fELF"
	elfClass    = 4 // offset of the class: 1 is 32 bits, 2 is 64
	elfData     = 5 // offset of the byte order: 1 is little endian, 2 is big
	elfInterp   = 3 // PT_INTERP
	elfHeader   = 64
	elfEntry32  = 32
	elfEntry64  = 56
	maxELFTable = 64 << 10 // the kernel takes no larger one
)

// loaderOf returns the loader of a program (PT_INTERP), "" if it has none. It
// reads the whole program header table, as the kernel does.
func loaderOf(fd int, head []byte) (path string, err error) {
	if len(head) < elfHeader || !bytes.HasPrefix(head, []byte(elfMagic)) {
		return "", nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[elfData] == 2 {
		order = binary.BigEndian
	}
	wide := head[elfClass] == 2
	number := func(b []byte, at64, at32 int) int64 {
		if wide {
			return int64(order.Uint64(b[at64:]))
		}
		return int64(order.Uint32(b[at32:]))
	}
	entry, count := elfEntry64, int(order.Uint16(head[56:]))
	if !wide {
		entry, count = elfEntry32, int(order.Uint16(head[44:]))
	}
	table, err := readPart(fd, number(head, 32, 28), int64(min(entry*count, maxELFTable)))
	if err != nil {
		return "", err
	}
	for ; len(table) >= entry; table = table[entry:] {
		if order.Uint32(table) != elfInterp {
			continue
		}
		name, err := readPart(fd, number(table, 8, 4), number(table, 32, 16))
		text, _, _ := strings.Cut(string(name), "\x00")
		return text, err
	}
	return "", nil
}

// readPart reads a part of a file, maxELFTable bytes at most.
func readPart(fd int, off, size int64) ([]byte, error) {
	if off < 0 || size <= 0 {
		return nil, nil
	}
	part := make([]byte, min(size, maxELFTable))
	n, err := unix.Pread(fd, part, off)
	return part[:max(n, 0)], err
}
