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

// certainlyTooBig tells whether execve(2) will refuse the strings whatever the
// stack's limit is. To find that out from the kernel would need a copy of all of
// them, in a forked child that is nothing but this daemon's memory.
func certainlyTooBig(spec Spec) bool {
	total := 0
	for _, strings := range [][]string{spec.Args, spec.Env} {
		for _, s := range strings {
			if len(s) > maxString() {
				return true
			}
			total += len(s) + 1 + pointerSize
		}
	}
	return total > maxTotal
}

// explainTooBig says which string is over the limit, or, where none is, how
// much they are together. Sizes are in bytes.
func explainTooBig(spec Spec) string {
	// The name is made for one string only: there may be millions of them.
	longest, total := len(spec.Path), len(spec.Path)+1+pointerSize
	argument, variable := -1, ""
	for i, arg := range spec.Args {
		total += len(arg) + 1 + pointerSize
		if len(arg) > longest {
			longest, argument = len(arg), i
		}
	}
	for _, kv := range spec.Env {
		total += len(kv) + 1 + pointerSize
		if len(kv) > longest {
			longest, variable = len(kv), kv
		}
	}
	at := "the path"
	switch {
	case variable != "":
		at = fmt.Sprintf("the environment variable %.100q", envName(variable))
	case argument >= 0:
		at = fmt.Sprintf("argument %d", argument+1)
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
