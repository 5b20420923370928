package tomlfile

import (
	"regexp"
	"strings"
)

var (
	// unquoted matches a key and a value that has no quotes and is neither an array
	// nor a table.
	unquoted = regexp.MustCompile(`^\s*([A-Za-z0-9_.-]+)\s*=\s*([^\s"'\[{#=][^#]*)`)
	// scalar matches values that need no quotes: numbers, dates, true and false.
	scalar = regexp.MustCompile(`^(true|false|[+-]?(inf|nan)|[+-]?(0|[1-9][0-9_]*)(\.[0-9_]+)?([eE][+-]?[0-9]+)?|0[xob][0-9A-Fa-f_]+|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$`)
	// unquotedElement matches a word without quotes in an array.
	unquotedElement = regexp.MustCompile(`[\[,]\s*[A-Za-z/~$][^"',\]]*[\],]`)
	// colon matches a line of YAML or JSON.
	colon = regexp.MustCompile(`^\s*"?[A-Za-z0-9_.-]+"?\s*:`)
)

// hint returns advice for a line that is not TOML, if it is one of the common
// mistakes. The library's message names the problem, not the correction.
func hint(line string) string {
	line = strings.TrimSuffix(line, "\r")
	m := unquoted.FindStringSubmatch(line)
	switch {
	case strings.ContainsAny(line, "“”„‘’«»"):
		return `; strings need straight quotes, as in "text"`
	case m != nil && !scalar.MatchString(strings.TrimSpace(m[2])):
		return "; strings need quotes, as in " + m[1] + " = " + Quote(strings.TrimSpace(m[2]))
	case unquotedElement.MatchString(line):
		return `; strings need quotes, also in an array: ["first", "second"]`
	case colon.MatchString(line):
		return `; key and value are separated by =, as in queue_key = "taskqueue"`
	case strings.HasPrefix(strings.TrimSpace(line), "{"):
		return `; this is JSON, but gordon reads TOML: see gordon.toml(5)`
	default:
		return ""
	}
}
