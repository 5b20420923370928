// Package typename holds the rules for the names of task types, which the
// configuration and the records in Redis share.
//
// A type T shares Redis with the keys of Gordon: its queue is the key queue_key:T,
// beside queue_key:instances, queue_key:instances:…, queue_key:instance:…,
// queue_key:paused, queue_key:control, and each type's own T:failed, T:delayed and
// T:run:…. If a key had two meanings, entries would be lost.
package typename

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLen limits the length of a name in bytes. The name is part of Redis keys, of a
// variable in the environment of each script, and of every line of the log.
const MaxLen = 255

// Check returns why a type cannot have this name, or nil.
func Check(name string) error {
	switch {
	case name == "":
		return errors.New("the name of a type must not be empty")
	case len(name) > MaxLen:
		return fmt.Errorf("the name of a type must not be longer than %d bytes", MaxLen)
	case !utf8.ValidString(name):
		return errors.New("the name of a type must be valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("the name of a type must not contain control characters")
	case isReserved(name):
		return errors.New("this name is reserved: gordon uses the Redis keys " +
			"instance, instances, instance:…, instances:…, paused, recoveries and control itself")
	}
	return nil
}

// isReserved reports whether Gordon uses the key of the type's queue, or a key that is
// derived from it (T:failed). Gordon 2.0 before its release had queue_key:recoveries.
func isReserved(name string) bool {
	switch name {
	case "instance", "instances", "paused", "recoveries", "control":
		return true
	}
	return strings.HasPrefix(name, "instance:") || strings.HasPrefix(name, "instances:")
}

// Owner returns the existing type to which the key of name's queue belongs, or "".
func Owner(name string, exists func(string) bool) string {
	for _, suffix := range []string{":failed", ":delayed"} {
		if owner, ok := strings.CutSuffix(name, suffix); ok && exists(owner) {
			return owner
		}
	}
	for i := range name {
		if strings.HasPrefix(name[i:], ":run:") && exists(name[:i]) {
			return name[:i]
		}
	}
	return ""
}
