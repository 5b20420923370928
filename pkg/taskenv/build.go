package taskenv

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fault is the reason why a variable of an entry is refused.
type Fault int

const (
	// BadName: the name is empty or holds "=" or a NUL byte. The script would see
	// another variable, or none.
	BadName Fault = iota + 1
	// BadValue: the value contains a NUL byte, which would end it early.
	BadValue
	// Unsafe: the variable makes the program loader or an interpreter run code, and
	// the task does not allow that.
	Unsafe
	// NotAllowed: the variable is not in the task's list of variables that an entry
	// may set.
	NotAllowed
)

// Policy limits the variables that an entry may set.
type Policy struct {
	// AllowUnsafe allows variables that make a loader or an interpreter run code.
	AllowUnsafe bool
	// Only lists the allowed names. nil allows all names, an empty list none.
	Only []string
}

// Error names a refused variable of an entry and the reason.
type Error struct {
	Name  string
	Fault Fault
}

// Error names the variable, and the configuration key that would allow it if there is one.
func (e *Error) Error() string {
	switch e.Fault {
	case BadName:
		if e.Name == "" {
			return "env: a variable's name is empty"
		}
		return fmt.Sprintf("env: the name %.100q contains an equals sign or a NUL byte", e.Name)
	case BadValue:
		return fmt.Sprintf("env: the value of %.100s contains a NUL byte", e.Name)
	case Unsafe:
		return fmt.Sprintf("env: %.100s can make the loader or an interpreter run other code; "+
			"to allow it, set allow_unsafe_env = true for the task", e.Name)
	case NotAllowed:
		return fmt.Sprintf("env: %.100q is not listed in the task's env_allow", e.Name)
	}
	return fmt.Sprintf("env: %.100q is refused (fault %d)", e.Name, int(e.Fault))
}

// Build returns the environment of a script. It consists of the daemon's variables,
// overridden by those of the entry, overridden by extra, Gordon's own "NAME=value"
// strings. No name comes twice, and equal arguments give an equal result: the
// daemon's variables in their order, then the entry's sorted by name, then extra.
//
// Two groups of variables never reach a script, whatever their source is. The first is the
// daemon's conversation with systemd (see isService). The second describes the run
// (see isGordons) and comes from extra only, because recovery kills processes by
// GORDON_TASK_ID. An entry that sets one of these is not refused, since a
// task that enqueues another may pass on its own environment.
//
// Build refuses a variable of the entry with an *Error if it cannot be passed on
// unchanged or if the policy does not allow it. Several errors are joined, sorted by
// name, up to a limit.
func Build(daemon []string, entry map[string]string, extra []string, policy Policy) ([]string, error) {
	names := slices.Sorted(maps.Keys(entry))
	if err := checkEntry(names, entry, policy); err != nil {
		return nil, err
	}
	env := make([]string, 0, len(daemon)+len(entry)+len(extra))
	taken := make(map[string]bool, cap(env))
	for _, kv := range extra {
		taken[nameOf(kv)] = true
	}
	// A string without an equals sign or without a name is not a variable.
	for _, kv := range daemon {
		name, _, ok := strings.Cut(kv, "=")
		if _, over := entry[name]; ok && name != "" && !over && !taken[name] && !Withheld(name) {
			taken[name] = true
			env = append(env, kv)
		}
	}
	for _, name := range names {
		if !taken[name] && !Withheld(name) {
			env = append(env, name+"="+entry[name])
		}
	}
	return append(env, extra...), nil
}

// With returns env, a list of "NAME=value", with vars added to it, sorted by name.
// A variable of vars replaces one of env.
func With(env []string, vars map[string]string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		_, over := vars[nameOf(kv)]
		return over
	})
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// nameOf returns the part of "NAME=value" before the equals sign.
func nameOf(kv string) string {
	name, _, _ := strings.Cut(kv, "=")
	return name
}

// maxErrors limits how many variables an error names. The message goes to the failed
// list, where it must not be many times as long as the entry.
const maxErrors = 20

// checkEntry returns the errors of an entry's environment.
func checkEntry(names []string, entry map[string]string, policy Policy) error {
	var errs []error
	more := 0
	for _, name := range names {
		fault := policy.fault(name, entry[name])
		switch {
		case fault == 0:
		case len(errs) < maxErrors:
			errs = append(errs, &Error{Name: name, Fault: fault})
		default:
			more++
		}
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("env: and %d more", more))
	}
	return errors.Join(errs...)
}

// fault returns the reason to refuse a variable, 0 if there is none.
func (p Policy) fault(name, value string) Fault {
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return BadName
	case strings.IndexByte(value, 0) >= 0:
		return BadValue
	case p.Only != nil && !slices.Contains(p.Only, name):
		return NotAllowed
	case !p.AllowUnsafe && isUnsafe(name, value):
		return Unsafe
	}
	return 0
}
