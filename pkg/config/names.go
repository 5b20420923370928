package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A type T shares Redis with what gordon keeps for itself: the queue is the key
// queue_key:T, beside queue_key:instances, queue_key:instances:…, queue_key:instance:…,
// queue_key:paused, queue_key:control, and each type's own T:failed, T:delayed and
// T:run:…. Two meanings of one key would lose entries. Gordon 2.0 before its release
// had queue_key:recoveries.

// maxTypeLen bounds the name of a type in bytes. It becomes part of Redis keys,
// of a variable in each script's environment and of every log line.
const maxTypeLen = 255

// validateType checks the name of one type.
func (d *decoder) validateType(name string, at Origin) {
	switch {
	case name == "":
		d.fault(at, "the name of a type must not be empty")
	case len(name) > maxTypeLen:
		d.fault(at, "the name of a type must not be longer than %d bytes", maxTypeLen)
	case !utf8.ValidString(name):
		d.fault(at, "the name of a type must be valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		d.fault(at, "the name of a type must not hold control characters")
	case isReserved(name):
		d.fault(at, "gordon uses this Redis key itself: a type must not be named "+
			"instance, instances, paused, recoveries or control, or begin with instance: or instances:")
	}
}

// isReserved reports whether a type's own key is one of gordon's, or whether the
// keys made from it (T:failed) are.
func isReserved(name string) bool {
	switch name {
	case "instance", "instances", "paused", "recoveries", "control":
		return true
	}
	return strings.HasPrefix(name, "instance:") || strings.HasPrefix(name, "instances:")
}

// validatePairs looks for a type whose queue is a key of another type.
func (d *decoder) validatePairs() {
	for _, name := range d.types() {
		if owner := d.ownerOf(name); owner != "" {
			d.fault(d.tasks[name].at, "this Redis key belongs to the type %q already: "+
				"a type must not be named like another with :failed, :delayed or :run:… behind it", owner)
		}
	}
}

// ownerOf returns the type that owns the key of name's queue, or "".
func (d *decoder) ownerOf(name string) string {
	for _, suffix := range []string{":failed", ":delayed"} {
		if owner, ok := strings.CutSuffix(name, suffix); ok && d.tasks[owner] != nil {
			return owner
		}
	}
	for i := range name {
		if strings.HasPrefix(name[i:], ":run:") && d.tasks[name[:i]] != nil {
			return name[:i]
		}
	}
	return ""
}
