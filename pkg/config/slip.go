package config

import (
	"regexp"
	"strings"
)

var (
	// bare is a line with a key and a value that is not in quotes, nor an array or a
	// table.
	bare = regexp.MustCompile(`^\s*([A-Za-z0-9_.-]+)\s*=\s*([^\s"'\[{#=][^#]*)`)
	// scalar is what needs no quotes: a number, a date, true and false.
	scalar = regexp.MustCompile(`^(true|false|[+-]?(inf|nan)|[+-]?(0|[1-9][0-9_]*)(\.[0-9_]+)?([eE][+-]?[0-9]+)?|0[xob][0-9A-Fa-f_]+|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$`)
	// loose is a word without quotes in an array.
	loose = regexp.MustCompile(`[\[,]\s*[A-Za-z/~$][^"',\]]*[\],]`)
	// colon is a line of YAML or JSON.
	colon = regexp.MustCompile(`^\s*"?[A-Za-z0-9_.-]+"?\s*:`)
)

// slip returns advice for a line that is not TOML, if it looks like one of the usual
// slips. The message of the library names what it found, and not what to do about it.
func slip(line string) string {
	line = strings.TrimSuffix(line, "\r")
	m := bare.FindStringSubmatch(line)
	switch {
	case strings.ContainsAny(line, "“”„‘’«»"):
		return `; strings need straight quotes, as in "text"`
	case m != nil && !scalar.MatchString(strings.TrimSpace(m[2])):
		return "; strings need quotes, as in " + m[1] + " = " + shown(strings.TrimSpace(m[2]))
	case loose.MatchString(line):
		return `; strings need quotes, also in an array: ["first", "second"]`
	case colon.MatchString(line):
		return `; key and value are joined by =, as in queue_key = "taskqueue"`
	case strings.HasPrefix(strings.TrimSpace(line), "{"):
		return `; this is JSON, but gordon reads TOML: see gordon.toml(5)`
	default:
		return ""
	}
}
