package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// unknown says what to do about a key that no table like this one has.
func unknown(it item, known []string) string {
	name := it.path[len(it.path)-1]
	if holdsPassword(it.path) {
		return passwordAdvice
	}
	if other := elsewhere(it.path); other != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", other)
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", near)
	}
	if place := placeOf(name); place != "" {
		return "unknown key here; it belongs " + place
	}
	if table, ok := it.value.(map[string]any); ok && len(it.path) == 1 && table["script"] != nil {
		return fmt.Sprintf("unknown table; did you mean [tasks.%s]?", it.path)
	}
	if len(known) == 0 {
		return "unknown key; nothing in this table has an effect, it can go"
	}
	return "unknown key; allowed here: " + strings.Join(known, ", ")
}

// elsewhere returns the key that is meant where redis_ and [redis] are mixed up:
// the oldest keys of Redis stand at the top, the others in the table.
func elsewhere(path toml.Key) string {
	name := strings.ToLower(path[len(path)-1])
	inTable, isLong := strings.CutPrefix(name, "redis_")
	switch {
	case isLong && slices.Contains(names(redisKeys()), inTable):
		return inTable + " in the [redis] table"
	case len(path) == 2 && strings.EqualFold(path[0], "redis") && slices.Contains(names(topKeys()), "redis_"+name):
		return "redis_" + name + " at the top of the file"
	}
	return ""
}

// placeOf says where a key belongs that stands in the wrong table. The usual slip
// is a key for the whole file below the first [table].
func placeOf(name string) string {
	name = strings.ToLower(name)
	switch {
	case slices.Contains(names(topKeys()), name):
		return "at the top of the file, before the first [table]"
	case slices.Contains(names(taskKeys()), name):
		return "in a [tasks.NAME] table"
	case slices.Contains(names(statsKeys()), name):
		return "in the [stats] table"
	case slices.Contains(names(redisKeys()), name):
		return "in the [redis] table"
	case slices.Contains(names(tlsKeys()), name):
		return "in the [redis.tls] table"
	case slices.Contains(names(sentinelKeys()), name):
		return "in the [redis.sentinel] table"
	}
	return ""
}

// nearest returns the candidate that name is most likely a slip of, or "".
func nearest(name string, candidates []string) string {
	name = strings.ToLower(name)
	best, least := "", max(1, utf8.RuneCountInString(name)/3)+1
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to add, drop, replace or swap with their neighbour
// to make b of a (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 2*len(t)+2 {
		return len(s) // hopeless, and perhaps huge
	}
	before, prev, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range s {
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, prev[j+1]+1, prev[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(t)]
}
