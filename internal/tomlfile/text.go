package tomlfile

import (
	"strconv"
	"strings"
	"unicode"
)

// Quote quotes a value for a message and cuts it if it is long.
func Quote(s string) string {
	const limit = 80
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:limit], "")) + "…"
}

// visible replaces unprintable characters by their escapes: an error is one line
// on a terminal and in a log, whatever the file contains.
func visible(s string) string {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
