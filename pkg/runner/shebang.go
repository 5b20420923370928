package runner

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// interpretable returns what execve(2) would answer of a file that may be executed,
// judged by its beginning: ENOENT where the interpreter in its first line is not
// there, ENOEXEC where there is none. It is nil for what cannot be read, since a
// program may be executable and not readable.
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
		return nil // a program, or what binfmt_misc knows
	case interpreter == "":
		return unix.ENOEXEC
	}
	if info, err := os.Stat(interpreter); err != nil || info.IsDir() {
		return unix.ENOENT
	}
	if err := executable(interpreter); err != nil {
		return unix.EACCES
	}
	return found(head)
}

// found looks for the program of "#!/usr/bin/env NAME", with the PATH of this process.
func found(head []byte) error {
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

// isText reports whether a file begins like a text, or is empty.
func isText(head []byte) bool {
	return !bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}
