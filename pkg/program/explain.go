package program

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// Explain returns a hint for the person who reads that execve(2) failed with err, "" if
// there is nothing to add. It looks at the file of the program with the rights of the
// calling thread.
func Explain(path string, err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return explainMissing(path)
	case errors.Is(err, unix.EACCES):
		return explainDenied(path)
	case errors.Is(err, unix.ENOEXEC):
		return explainFormat(path)
	}
	return ""
}

// explainMissing explains "no such file or directory" for a file that exists: its
// interpreter does not.
func explainMissing(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	interpreter, ok := shebang(path)
	switch {
	case !ok:
		return "the file exists, but its program loader does not"
	case strings.HasSuffix(interpreter, "\r"):
		return "the first line ends with a carriage return: convert the script to Unix line endings"
	}
	return fmt.Sprintf("the script exists, but its interpreter %q does not", interpreter)
}

func explainDenied(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil: // a folder above it is not accessible: the bare text fits
		return ""
	case info.IsDir():
		return "it is a directory"
	case !info.Mode().IsRegular():
		return "it is not a regular file"
	case info.Mode().Perm()&0o111 == 0:
		return "it is not executable: use chmod +x"
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err == nil && fs.Flags&unix.ST_NOEXEC != 0 {
		return "its file system is mounted noexec"
	}
	if interpreter, ok := shebang(path); ok {
		return fmt.Sprintf("its interpreter is %q: is that one executable?", interpreter)
	}
	return ""
}

// HintEmpty is the hint for an empty file. It counts as being written, because an empty
// script has no use.
const HintEmpty = "the file is empty"

func explainFormat(path string) string {
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return HintEmpty
	}
	if head, err := readHead(path); err == nil && bytes.HasPrefix(head, []byte(elfMagic)) {
		return "the program is for another architecture or damaged"
	}
	return `a script must begin with a line such as "#!/bin/sh"`
}

// shebang returns the interpreter in the first line of a script.
func shebang(path string) (interpreter string, ok bool) {
	head, err := readHead(path)
	if err != nil {
		return "", false
	}
	return interpreterOf(head)
}

// readHead returns the part of a file that the kernel reads first.
func readHead(path string) ([]byte, error) {
	f, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headSize))
}
