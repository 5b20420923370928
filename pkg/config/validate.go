package config

import (
	"errors"
	"path"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
	"github.com/nevsnode/gordon/v2/internal/typename"
)

// validate checks values against each other, and those whose kind does not check
// everything. If a file could not be read, complete is false: missing keys may be
// in it.
func (d *decoder) validate(complete bool) {
	d.validateRedis(complete)
	d.validateStats(complete)
	d.validateRetry(d.defaults)
	for _, name := range d.types() {
		t := d.tasks[name]
		d.validateType(name, t.at)
		d.validateRetry(t)
		d.validateLimits(t)
		if complete {
			d.validateComplete(t)
		}
	}
}

// validateType checks the name of a type, and that its queue is not a key of another
// type.
func (d *decoder) validateType(name string, at Origin) {
	if err := typename.Check(name); err != nil {
		d.fault(at, "%v", err)
	}
	if owner := typename.Owner(name, func(other string) bool { return d.tasks[other] != nil }); owner != "" {
		d.fault(at, "this Redis key is already used by the type %q: "+
			"a type name must not be another type's name followed by :failed, :delayed or :run:…", owner)
	}
}

// validateComplete looks for keys that a task must have.
func (d *decoder) validateComplete(t *draft) {
	if !t.scope.set("script") {
		d.fault(t.at, "script is missing (the program to run)")
	}
	if t.scope.valid("working_directory") && isHome(t.Process.WorkingDirectory) && !t.scope.set("user") {
		d.fault(t.scope.at("working_directory"), "%q is the home of the task's user and requires user", HomeDir)
	}
}

func (d *decoder) validateStats(complete bool) {
	s, top := d.config.Stats, d.top
	if top.valid("stats.interface") && s.Interface != "" {
		if err := checkHostPort(s.Interface, exampleInterface, 0); err != nil {
			d.fault(top.at("stats.interface"), "%v, not %s", err, tomlfile.Quote(s.Interface))
		}
	}
	if top.valid("stats.pattern") && s.Pattern != "" {
		if err := checkPattern(s.Pattern); err != nil {
			d.fault(top.at("stats.pattern"), "%v, not %s", err, tomlfile.Quote(s.Pattern))
		}
	}
	if complete {
		d.validatePair("stats", "tls_cert_file", s.TLSCertFile, "tls_key_file", s.TLSKeyFile)
	}
}

// validatePair checks two keys of one table that require each other.
func (d *decoder) validatePair(table, a, valueA, b, valueB string) {
	nameA, nameB := dotted(table, a), dotted(table, b)
	switch {
	case d.top.invalid(nameA) || d.top.invalid(nameB):
	case valueA != "" && valueB == "":
		d.fault(d.top.at(nameA), "requires %s: set both or neither", b)
	case valueB != "" && valueA == "":
		d.fault(d.top.at(nameB), "requires %s: set both or neither", a)
	}
}

// checkPattern checks the path of the statistics. Some characters have a meaning for
// Go's http.ServeMux, and it panics on paths that no request can have.
func checkPattern(p string) error {
	clean := path.Clean(p)
	if clean != "/" && strings.HasSuffix(p, "/") {
		clean += "/"
	}
	switch {
	case !strings.HasPrefix(p, "/"):
		return errors.New(`must begin with "/"`)
	case strings.ContainsAny(p, "{}?#%") || strings.ContainsFunc(p, isSpaceOrControl):
		return errors.New("must not contain spaces or any of { } ? # %")
	case p != clean:
		return errors.New(`must be a plain path without "//", "." or ".."`)
	}
	return nil
}
