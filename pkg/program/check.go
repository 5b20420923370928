package program

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Check returns the error that execve(2) would return for a program, as far as that can be
// seen without executing it. It judges by the rights of the calling thread.
func Check(path string) error {
	if err := executable(path); err != nil {
		return err
	}
	return interpretable(path)
}

// executable returns the error of execve(2) if this thread may not execute a file.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return unix.EACCES
	}
	// The kernel's own decision, with mode bits, ACLs and mounts. Before Linux 5.8 it
	// cannot be asked.
	err = unix.Faccessat2(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// interpretable returns the error of execve(2) for the first line of a file that may be
// executed: ENOENT if the interpreter does not exist, ENOEXEC if the file names none. It
// returns nil for a file that cannot be read, since a program may be executable and not
// readable.
func interpretable(path string) error {
	head, err := readHead(path)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	interpreter, ok := interpreterOf(head)
	switch {
	case !ok && isText(head):
		return unix.ENOEXEC
	case !ok:
		return nil // a program, or a format of binfmt_misc
	case interpreter == "":
		return unix.ENOEXEC
	}
	if info, err := os.Stat(interpreter); err != nil || info.IsDir() {
		return unix.ENOENT
	}
	if err := executable(interpreter); err != nil {
		return unix.EACCES
	}
	return checkEnv(head)
}

// checkEnv returns an error if the first line is "#!/usr/bin/env NAME" and the PATH of
// this process does not have the program NAME.
func checkEnv(head []byte) error {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	words := strings.Fields(string(bytes.TrimPrefix(line, []byte("#!"))))
	if len(words) != 2 || !strings.HasSuffix(words[0], "/env") || strings.HasPrefix(words[1], "-") || strings.Contains(words[1], "=") {
		return nil
	}
	if _, err := exec.LookPath(words[1]); err != nil {
		return fmt.Errorf("the interpreter %s in its first line is not in PATH", words[1])
	}
	return nil
}

// isText reports whether the beginning of a file is text or empty.
func isText(head []byte) bool {
	return !bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}
