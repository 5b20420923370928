package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// readScript reads the program: a string, or an array with its first arguments.
func (t *draft) readScript(d *decoder, it item) {
	words, err := command(it.Raw)
	if err != nil {
		words = []string{""}
	}
	t.ScriptArgs = nil
	if len(words) > 1 {
		t.ScriptArgs = words[1:]
	}
	assign(d, &t.Script, absolute(words[0], d.binDir), err, it)
}

// command allows a program as a string, or as an array with its first arguments.
func command(raw any) ([]string, error) {
	list, ok := raw.([]any)
	if !ok {
		if _, ok := raw.(string); !ok {
			return nil, wrongType(`must be a string in quotes, or an array of them such as ["/usr/bin/php", "worker.php"]`, raw)
		}
		program, err := nonEmpty(raw)
		return []string{program}, err
	}
	if len(list) == 0 {
		return nil, errors.New("must not be empty: the first string names the program to run")
	}
	words, err := each(list, text)
	if err == nil && words[0] == "" {
		err = errors.New("must not begin with an empty string: the first one names the program to run")
	}
	return words, err
}

// each converts the elements of an array.
func each(list []any, k kind[string]) ([]string, error) {
	values := make([]string, len(list))
	for i, raw := range list {
		v, err := k(raw)
		if err != nil {
			return nil, fmt.Errorf("element %d %w", i+1, err)
		}
		values[i] = v
	}
	return values, nil
}

// variables allows an array of names of environment variables. It may be empty.
func variables(raw any) ([]string, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, wrongType(`must be an array of names such as ["LANG", "TZ"]`, raw)
	}
	return each(list, func(raw any) (string, error) {
		name, err := text(raw)
		if err == nil {
			err = checkName(name)
		}
		return name, err
	})
}

// checkName checks the name of an environment variable.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("must not be empty: it names a variable")
	case strings.ContainsAny(name, "=\x00"):
		return errors.New("must not contain an equals sign or a NUL character: it names a variable")
	}
	return nil
}

// readEnvironment reads the variables one by one, so that a later file can replace
// a single one. Unlike keys, variables whose names differ in case are different.
func (t *draft) readEnvironment(d *decoder, it item) {
	list, ok := it.children()
	if !ok {
		d.fault(it.origin(), "must be a table of strings, such as { NAME = \"value\" }, not %s", tomlfile.Describe(it.Raw))
		return
	}
	for _, child := range list {
		name := child.Key.Name()
		if err := checkVariable(name); err != nil {
			d.fault(child.origin(), "%v", err)
			continue
		}
		v, err := text(child.Raw)
		var value string
		assign(d, &value, v, err, child)
		if t.Env.Set == nil {
			t.Env.Set = make(map[string]string)
		}
		t.Env.Set[name] = value
	}
}

// checkVariable checks the name of a variable that the configuration sets.
func checkVariable(name string) error {
	if strings.HasPrefix(name, "GORDON_") {
		return errors.New("must not begin with GORDON_: these variables are set by gordon")
	}
	return checkName(name)
}

// account allows the name or number of a user or group. Whether it exists is
// checked on the machine, by programs that would take a dash for an option.
func account(raw any) (string, error) {
	name, err := noSpaces(raw)
	switch {
	case err != nil:
	case name == "":
		err = errors.New("must not be empty")
	case strings.ContainsAny(name, ":/,") || name[0] == '-':
		err = wrongValue("must be the name or number of a user or group", name)
	}
	return name, err
}

func isHome(dir string) bool { return dir == HomeDir }

// fileMode allows a umask. It is a string: a TOML number must not begin with 0, and
// 22 would be another umask than 022.
func fileMode(raw any) (int, error) {
	const form = `must be an octal number in quotes, from "0000" to "0777", such as "0027"`
	s, ok := raw.(string)
	if !ok {
		return 0, wrongType(form, raw)
	}
	n, err := strconv.ParseUint(s, 8, 9) // the nine permission bits
	if err != nil || len(s) < 3 || len(s) > 4 {
		return 0, wrongValue(form, s)
	}
	return int(n), nil
}

// defaultIOLevel is the level of a class without a level, as in ionice(1).
const defaultIOLevel = 4

// ioPriority allows "idle", and the other classes with or without a level.
func ioPriority(raw any) (IONice, error) {
	form := fmt.Sprintf("must be %q, %q or %q, optionally with a level from 0 (highest) to 7 for the last two, such as %q",
		IOIdle, IOBestEffort, IORealtime, IOBestEffort+":7")
	s, ok := raw.(string)
	if !ok {
		return IONice{}, wrongType(form, raw)
	}
	class, level, hasLevel := strings.Cut(s, ":")
	p := IONice{Class: class, Level: defaultIOLevel}
	switch {
	case class == IOIdle && !hasLevel:
		p.Level = 0
		return p, nil
	case class != IOBestEffort && class != IORealtime:
		return IONice{}, wrongValue(form, s)
	case hasLevel:
		if len(level) != 1 || level < "0" || level > "7" {
			return IONice{}, wrongValue(form, s)
		}
		p.Level = int(level[0] - '0')
	}
	return p, nil
}
