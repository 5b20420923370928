package config

import (
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// validate checks what a value's type does not say, and values against each
// other. Where a file could not be read, what is missing may stand in it, and
// whole is false.
func (d *decoder) validate(whole bool) {
	s := d.settings
	d.validateAddress(s, whole)
	d.validateLogin(s.redis.login, whole)
	d.validateTLS(s, whole)
	d.validateSentinel(s, whole)
	d.validateStats(s.stats, whole)
	d.validateRetry(s.common.retry)
	for _, name := range sortedTypes(s.tasks) {
		t := s.tasks[name]
		d.validateType(t)
		if t.common.retry != (retrySettings{}) { // else the fault is that of the top
			d.validateRetry(t.common.retry.or(s.common.retry))
		}
		d.validateLimits(t)
		if whole && !t.script.set {
			d.fault(t.at, "script is missing: it names the program to run")
		}
		if dir := t.workingDirectory; whole && dir.good() && dir.v == HomeDir && !t.user.set {
			d.fault(dir.at, "%q is the home of the task's user, and needs user beside it", HomeDir)
		}
	}
	d.validatePairs(s.tasks)
}

func (d *decoder) validateStats(s statsSettings, whole bool) {
	if i := s.iface; i.good() && i.v != "" {
		if wrong := checkHostPort(i.v, exampleInterface, 0); wrong != "" {
			d.fault(i.at, "%s, not %s", wrong, shown(i.v))
		}
	}
	if p := s.pattern; p.good() && p.v != "" {
		if wrong := checkPattern(p.v); wrong != "" {
			d.fault(p.at, "%s, not %s", wrong, shown(p.v))
		}
	}
	d.validatePair(s.tlsCertFile, s.tlsKeyFile, "tls_cert_file", "tls_key_file", whole)
}

// validatePair checks two keys of one table that need each other.
func (d *decoder) validatePair(a, b value[string], nameOfA, nameOfB string, whole bool) {
	switch {
	case a.bad || b.bad || !whole:
	case a.v != "" && b.v == "":
		d.fault(a.at, "needs %s beside it: set both or neither", nameOfB)
	case b.v != "" && a.v == "":
		d.fault(b.at, "needs %s beside it: set both or neither", nameOfA)
	}
}

// checkHostPort says what is wrong with an address such as 127.0.0.1:80, :80,
// [::1]:80 or localhost:http, or "". A lowest port of 0 means that the system may
// choose one.
func checkHostPort(addr, example string, lowest int) string {
	form := fmt.Sprintf("must be host:port, such as %q", example)
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !isPort(port) || strings.ContainsAny(host, "/@") || strings.ContainsFunc(host, isSpaceOrControl) {
		return form
	}
	if n, err := strconv.Atoi(port); err == nil && (n < lowest || n > 65535) {
		return form + " with a port up to 65535"
	}
	return ""
}

// isPort reports whether a port is written as a number or as the name of a service,
// which net.Dial and net.Listen look up (RFC 6335, section 5.1).
func isPort(port string) bool {
	return port != "" && strings.Trim(strings.ToLower(port), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// checkPattern says what is wrong with the path of the statistics, or "". Go's
// http.ServeMux gives some characters a meaning, and panics on paths that no
// request can have.
func checkPattern(p string) string {
	clean := path.Clean(p)
	if clean != "/" && strings.HasSuffix(p, "/") {
		clean += "/"
	}
	switch {
	case !strings.HasPrefix(p, "/"):
		return `must begin with "/"`
	case strings.ContainsAny(p, "{}?#%") || strings.ContainsFunc(p, isSpaceOrControl):
		return "must not hold spaces or any of { } ? # %"
	case p != clean:
		return `must be a plain path without "//", "." or ".."`
	}
	return ""
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func sortedTypes(tasks map[string]*taskSettings) []string {
	list := make([]string, 0, len(tasks))
	for name := range tasks {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
