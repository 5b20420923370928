package tomlfile

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Nearest returns the candidate of which name is most likely a misspelling, or ""
// if none is near.
func Nearest(name string, candidates []string) string {
	name = strings.ToLower(name)
	best, least := "", max(1, utf8.RuneCountInString(name)/3)+1
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// Rank returns the candidates ordered by their likeness to name.
func Rank(name string, candidates []string) []string {
	name = strings.ToLower(name)
	list := slices.Clone(candidates)
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(unlikeness(name, a), unlikeness(name, b)) })
	return list
}

// unlikeness is the distance of two names, less if they share a word.
func unlikeness(name, candidate string) int {
	d := distance(name, candidate)
	for word := range strings.SplitSeq(candidate, "_") {
		if len(word) > 2 && strings.Contains(name, word) {
			d -= 2 * len(word)
		}
	}
	return d
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 2*len(t)+2 {
		return len(s) // far from b, and perhaps huge
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
