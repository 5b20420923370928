package capacity

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Exhausted reports whether a call failed for lack of processes, memory or descriptors.
// It may succeed later.
func Exhausted(err error) bool {
	for _, no := range []error{unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
