package runner

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The kernel's limits on what execve(2) passes on, "Limits on size of arguments
// and environment" in its manual page; fs/exec.c.
const (
	maxStringPages = 32        // MAX_ARG_STRLEN, in pages, for one string with its NUL
	minTotal       = 128 << 10 // ARG_MAX: never less than this for all of them
	maxTotal       = 6 << 20   // three quarters of the default stack
	pointerSize    = 4 << (^uintptr(0) >> 63)
)

// maxString returns the longest argument or NAME=value, in bytes without the
// NUL.
func maxString() int { return maxStringPages*os.Getpagesize() - 1 }

// explainTooBig says which string is over the limit, or, where none is, how
// much they are together. Sizes are in bytes.
func explainTooBig(spec Spec) string {
	longest, at := -1, ""
	total := 0
	see := func(text, name string) {
		total += len(text) + 1 + pointerSize
		if len(text) > longest {
			longest, at = len(text), name
		}
	}
	see(spec.Path, "the path")
	for i, arg := range spec.Args {
		see(arg, fmt.Sprintf("argument %d", i+1))
	}
	for _, kv := range spec.Env {
		see(kv, fmt.Sprintf("the environment variable %q", envName(kv)))
	}
	if limit := maxString(); longest > limit {
		return fmt.Sprintf("%s is %d bytes long, the kernel's limit for one is %d", at, longest, limit)
	}
	return fmt.Sprintf("arguments and environment are %d bytes together, the kernel's limit is %d; "+
		"the longest is %s with %d", total, totalLimit(), at, longest)
}

// totalLimit returns the limit for all strings and the pointers to them: a
// quarter of the stack's limit, within bounds.
func totalLimit() uint64 {
	var stack unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &stack); err != nil {
		return maxTotal
	}
	return max(min(stack.Cur/4, maxTotal), minTotal)
}

// envName returns the part of "NAME=value" before the equals sign.
func envName(kv string) string {
	name, _, _ := strings.Cut(kv, "=")
	return name
}
