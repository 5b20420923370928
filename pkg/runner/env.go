package runner

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// EnvFault is what is wrong with a variable that an entry wants to set.
type EnvFault int

const (
	// EnvBadName: the name is empty or holds "=" or a NUL byte, so that the
	// script would see another variable, or none.
	EnvBadName EnvFault = iota + 1
	// EnvBadValue: the value holds a NUL byte, which would end it early.
	EnvBadValue
	// EnvUnsafe: the variable makes the program loader or an interpreter run
	// code, and the task doesn't allow that.
	EnvUnsafe
	// EnvNotAllowed: the task says which variables an entry may set, and this is
	// none of them.
	EnvNotAllowed
)

// EnvPolicy is what the variables of an entry may be.
type EnvPolicy struct {
	// AllowUnsafe allows those that make a loader or an interpreter run code.
	AllowUnsafe bool
	// Only are the names that are allowed; nil is all, where an empty list is none.
	Only []string
}

// EnvError says which variable of an entry's environment is refused, and why.
type EnvError struct {
	Name  string
	Fault EnvFault
}

// Error names the variable and, where there is one, the way out.
func (e *EnvError) Error() string {
	switch e.Fault {
	case EnvBadName:
		if e.Name == "" {
			return "env: a variable's name is empty"
		}
		return fmt.Sprintf("env: the name %.100q holds an equals sign or a NUL byte", e.Name)
	case EnvBadValue:
		return fmt.Sprintf("env: the value of %.100s holds a NUL byte", e.Name)
	case EnvUnsafe:
		return fmt.Sprintf("env: %.100s can make the program loader or an interpreter run other code; "+
			"allow_unsafe_env = true in the task's configuration allows it", e.Name)
	case EnvNotAllowed:
		return fmt.Sprintf("env: %.100q is not in the list env_allow of the task's configuration", e.Name)
	}
	return fmt.Sprintf("env: %.100q is refused (fault %d)", e.Name, int(e.Fault))
}

// BuildEnv returns the environment of a script: the daemon's, over it what the
// entry sets, over that extra, Gordon's own "NAME=value" strings. No name comes
// twice, and equal arguments give an equal result: the daemon's variables in
// their order, then the entry's sorted by name, then extra.
//
// Two groups never reach a script, whoever sets them. Those that belong to the
// daemon's conversation with systemd (see hidden). And what a script learns about
// its run (see reserved) from anywhere but extra: recovery kills processes by
// GORDON_TASK_ID. An entry that sets one of these is not refused, since a
// task that enqueues another may pass on its own environment.
//
// An entry's variable is refused with an *EnvError when it can't be passed on
// as it is, or when the policy doesn't allow it. Several faults are joined,
// sorted by name; of many, the first ones.
func BuildEnv(daemon []string, entry map[string]string, extra []string, policy EnvPolicy) ([]string, error) {
	names := slices.Sorted(maps.Keys(entry))
	if err := checkEntry(names, entry, policy); err != nil {
		return nil, err
	}
	env := make([]string, 0, len(daemon)+len(entry)+len(extra))
	taken := make(map[string]bool, cap(env))
	for _, kv := range extra {
		taken[envName(kv)] = true
	}
	// Without an equals sign, or before any name, it's no variable: dropped.
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

// WithVars returns env, "NAME=value", with vars over it, sorted by name.
func WithVars(env []string, vars map[string]string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		_, over := vars[envName(kv)]
		return over
	})
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// maxEnvFaults bounds how many faults are named: the message goes to the failed
// list, where it must not be many times as long as the entry.
const maxEnvFaults = 20

// checkEntry returns the faults of an entry's environment.
func checkEntry(names []string, entry map[string]string, policy EnvPolicy) error {
	var errs []error
	more := 0
	for _, name := range names {
		fault := policy.fault(name, entry[name])
		switch {
		case fault == 0:
		case len(errs) < maxEnvFaults:
			errs = append(errs, &EnvError{Name: name, Fault: fault})
		default:
			more++
		}
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("env: and %d more", more))
	}
	return errors.Join(errs...)
}

// fault is what is wrong with one variable, 0 for nothing.
func (p EnvPolicy) fault(name, value string) EnvFault {
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return EnvBadName
	case strings.IndexByte(value, 0) >= 0:
		return EnvBadValue
	case p.Only != nil && !slices.Contains(p.Only, name):
		return EnvNotAllowed
	case !p.AllowUnsafe && unsafeEnv(name, value):
		return EnvUnsafe
	}
	return 0
}
