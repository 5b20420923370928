package taskenv

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The kernel's limits on the strings of execve(2); "Limits on size of arguments and
// environment" in its manual page, fs/exec.c.
const (
	maxStringPages = 32        // MAX_ARG_STRLEN, in pages, for one string with its NUL
	minTotal       = 128 << 10 // ARG_MAX: never less than this for all of them
	pointerSize    = 4 << (^uintptr(0) >> 63)

	// MaxTotal is the highest limit in bytes on arguments and environment together:
	// three quarters of the default stack.
	MaxTotal = 6 << 20
)

// maxString returns the length of the longest argument or NAME=value in bytes,
// without the NUL.
func maxString() int { return maxStringPages*os.Getpagesize() - 1 }

// TooBig reports whether execve(2) will refuse the strings whatever the limit of the
// stack is. To learn that from the kernel would take a copy of all strings, in a
// forked child that shares the daemon's memory.
func TooBig(args, env []string) bool {
	total := 0
	for _, list := range [][]string{args, env} {
		for _, s := range list {
			if len(s) > maxString() {
				return true
			}
			total += len(s) + 1 + pointerSize
		}
	}
	return total > MaxTotal
}

// ExplainTooBig names the string that is over the limit. If no single string is, it
// returns the size of all strings together. Sizes are in bytes.
func ExplainTooBig(path string, args, env []string) string {
	// The name is made for one string only, because there may be millions of them.
	longest, total := len(path), len(path)+1+pointerSize
	argument, variable := -1, ""
	for i, arg := range args {
		total += len(arg) + 1 + pointerSize
		if len(arg) > longest {
			longest, argument = len(arg), i
		}
	}
	for _, kv := range env {
		total += len(kv) + 1 + pointerSize
		if len(kv) > longest {
			longest, variable = len(kv), kv
		}
	}
	at := "the path"
	switch {
	case variable != "":
		at = fmt.Sprintf("the environment variable %.100q", nameOf(variable))
	case argument >= 0:
		at = fmt.Sprintf("argument %d", argument+1)
	}
	if limit := maxString(); longest > limit {
		return fmt.Sprintf("%s has %d bytes; the kernel's limit for one string is %d", at, longest, limit)
	}
	return fmt.Sprintf("arguments and environment have %d bytes together; the kernel's limit is %d. "+
		"The longest is %s with %d", total, totalLimit(), at, longest)
}

// totalLimit returns the limit on all strings and the pointers to them: a quarter of
// the stack's limit, within bounds.
func totalLimit() uint64 {
	var stack unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &stack); err != nil {
		return MaxTotal
	}
	return max(min(stack.Cur/4, MaxTotal), minTotal)
}

// FindNUL describes the first string that contains a NUL byte, "" if there is none. A
// NUL byte ends a string early, so that it cannot be passed to a process.
func FindNUL(path string, args, env []string) string {
	if strings.IndexByte(path, 0) >= 0 {
		return "the path contains a NUL byte"
	}
	for i, arg := range args {
		if strings.IndexByte(arg, 0) >= 0 {
			return fmt.Sprintf("argument %d contains a NUL byte", i+1)
		}
	}
	for _, kv := range env {
		if strings.IndexByte(kv, 0) >= 0 {
			return fmt.Sprintf("the environment variable %.100q contains a NUL byte", nameOf(kv))
		}
	}
	return ""
}
