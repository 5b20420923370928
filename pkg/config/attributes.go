package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// command allows a program as a string, or as an array with its first arguments.
func command(raw any) ([]string, string) {
	list, ok := raw.([]any)
	if !ok {
		if _, ok := raw.(string); !ok {
			return nil, `must be a string in quotes, or an array of them such as ["/usr/bin/php", "worker.php"], not ` + describe(raw)
		}
		program, wrong := nonEmpty(raw)
		return []string{program}, wrong
	}
	if len(list) == 0 {
		return nil, "must not be empty: the first string names the program to run"
	}
	words, wrong := each(list, text)
	if wrong == "" && words[0] == "" {
		wrong = "must not begin with an empty string: the first one names the program to run"
	}
	return words, wrong
}

// each reads the elements of an array.
func each(list []any, k kind[string]) ([]string, string) {
	values := make([]string, len(list))
	for i, raw := range list {
		v, wrong := k(raw)
		if wrong != "" {
			return nil, fmt.Sprintf("number %d %s", i+1, wrong)
		}
		values[i] = v
	}
	return values, ""
}

// variables allows an array of names of variables; it may be empty.
func variables(raw any) ([]string, string) {
	list, ok := raw.([]any)
	if !ok {
		return nil, `must be an array of names such as ["LANG", "TZ"], not ` + describe(raw)
	}
	return each(list, func(raw any) (string, string) {
		name, wrong := text(raw)
		if wrong == "" {
			wrong = checkName(name)
		}
		return name, wrong
	})
}

// checkName says what is wrong with the name of a variable, or "".
func checkName(name string) string {
	switch {
	case name == "":
		return "must not be empty: it names a variable"
	case strings.ContainsAny(name, "=\x00"):
		return "must not hold an equals sign or a NUL character: it names a variable"
	}
	return ""
}

// checkVariable is checkName for those that the configuration itself sets.
func checkVariable(name string) string {
	if strings.HasPrefix(name, "GORDON_") {
		return "must not begin with GORDON_: these variables are set by gordon"
	}
	return checkName(name)
}

// account allows the name or number of a user or group. Whether there is one
// only the machine knows, whose programs take a dash for an option.
func account(raw any) (string, string) {
	name, wrong := word(raw)
	switch {
	case wrong != "":
	case name == "":
		wrong = "must not be empty"
	case strings.ContainsAny(name, ":/,") || name[0] == '-':
		wrong = "must be the name or number of a user or group, not " + shown(name)
	}
	return name, wrong
}

// fileMode allows an umask. It is a string: TOML's numbers with a leading 0 are
// errors, and 22 would be another one than 022.
func fileMode(raw any) (int64, string) {
	const form = `must be an octal number in quotes, from "0000" to "0777", such as "0027", not `
	s, ok := raw.(string)
	if !ok {
		return 0, form + describe(raw)
	}
	n, err := strconv.ParseUint(s, 8, 9) // the nine bits of permissions
	if err != nil || len(s) < 3 || len(s) > 4 {
		return 0, form + shown(s)
	}
	return int64(n), ""
}

// defaultIOLevel is the level of a class without one, as for ionice(1).
const defaultIOLevel = 4

// ioPriority allows "idle", and the other classes with or without a level.
func ioPriority(raw any) (IONice, string) {
	const form = `must be "idle", "best-effort" or "realtime", the last two with a level from 0 (first) to 7 if need be, such as "best-effort:7", not `
	s, ok := raw.(string)
	if !ok {
		return IONice{}, form + describe(raw)
	}
	class, level, leveled := strings.Cut(s, ":")
	p := IONice{Class: class, Level: defaultIOLevel}
	switch {
	case class == "idle" && !leveled:
		p.Level = 0
		return p, ""
	case !slices.Contains([]string{"best-effort", "realtime"}, class):
		return IONice{}, form + shown(s)
	case leveled:
		if len(level) != 1 || level < "0" || level > "7" {
			return IONice{}, form + shown(s)
		}
		p.Level = int(level[0] - '0')
	}
	return p, ""
}

// optional returns nil for what is unset.
func optional(v value[int64]) *int {
	if !v.set {
		return nil
	}
	return new(int(v.v))
}

// variables returns the variables of the task; nil where there are none.
func (t *taskSettings) variables() map[string]string {
	if len(t.environment) == 0 {
		return nil
	}
	set := make(map[string]string, len(t.environment))
	for name, v := range t.environment {
		set[name] = v.v
	}
	return set
}

// directory returns the working directory.
func (t *taskSettings) directory(binDir string) string {
	dir := t.workingDirectory
	if !dir.set || dir.v == HomeDir {
		return dir.v
	}
	return absolute(dir.v, binDir)
}

// origins returns where the keys stand that only the machine can judge.
func (t *taskSettings) origins() map[string]Origin {
	places := make(map[string]Origin)
	put := func(name string, set bool, at origin) {
		if set {
			places[name] = at.exported()
		}
	}
	put("script", t.script.set, t.script.at)
	put("user", t.user.set, t.user.at)
	put("group", t.group.set, t.group.at)
	put("working_directory", t.workingDirectory.set, t.workingDirectory.at)
	put("nice", t.nice.set, t.nice.at)
	put("ionice", t.ionice.set, t.ionice.at)
	put("oom_score_adj", t.oomScoreAdj.set, t.oomScoreAdj.at)
	for name, v := range t.environment {
		put("environment."+name, v.set, v.at)
	}
	return places
}
