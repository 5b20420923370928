// Package failures holds sets of ways in which a task can fail, as retry_on and
// no_retry_on name them.
package failures

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// Set is a set of failures. It is comparable with ==.
type Set struct {
	exits  [4]uint64 // a bit per exit status
	others uint8     // a bit per name of Others, in their order
}

// Others returns the names of the failures besides an exit status.
func Others() []string {
	return []string{"signal", "timeout", "output", "out of memory", "not started"}
}

// All returns the set of all failures.
func All() (s Set) {
	s.addExits(1, 255)
	s.others = 1<<len(Others()) - 1
	return s
}

// Permanent returns the exit statuses of sysexits.h(3head) for errors that do not go
// away by themselves.
func Permanent() (s Set) {
	for _, status := range []int{64, 65, 77, 78} { // EX_USAGE, EX_DATAERR, EX_NOPERM, EX_CONFIG
		s.addExits(status, status)
	}
	return s
}

// Parse returns the set of the failures with these names.
func Parse(names []string) (Set, error) {
	var s Set
	for _, name := range names {
		if !s.add(name) {
			others := Others()
			last := len(others) - 1
			return s, fmt.Errorf(`elements must be "exit", "exit 75", "exit 64-78", "%s" or "%s", not %s`,
				strings.Join(others[:last], `", "`), others[last], tomlfile.Quote(name))
		}
	}
	return s, nil
}

// Equal reports whether both sets contain the same failures.
func (s Set) Equal(t Set) bool { return s == t }

// Exit reports whether the set contains this exit status, 1 to 255.
func (s Set) Exit(status int) bool {
	return status >= 0 && status < 256 && s.exits[status/64]&(1<<(status%64)) != 0
}

// Other reports whether the set contains the failure of this name, one of [Others].
func (s Set) Other(name string) bool {
	for i, other := range Others() {
		if name == other {
			return s.others&(1<<i) != 0
		}
	}
	return false
}

// Without returns the failures of s that are not in t.
func (s Set) Without(t Set) Set {
	for i := range s.exits {
		s.exits[i] &^= t.exits[i]
	}
	s.others &^= t.others
	return s
}

// Intersects reports whether two sets have a failure in common.
func (s Set) Intersects(t Set) bool { return s.Without(t) != s }

func (s *Set) addExits(lowest, highest int) {
	for status := lowest; status <= highest; status++ {
		s.exits[status/64] |= 1 << (status % 64)
	}
}

// add adds a failure by its name. It reports false if there is none of this name.
func (s *Set) add(name string) bool {
	for i, other := range Others() {
		if name == other {
			s.others |= 1 << i
			return true
		}
	}
	statuses, ok := strings.CutPrefix(name, "exit")
	if !ok {
		return false
	}
	if statuses == "" {
		s.addExits(1, 255)
		return true
	}
	from, to, isRange := strings.Cut(statuses, "-")
	from, spaced := strings.CutPrefix(from, " ")
	if !isRange {
		to = from
	}
	lowest, errLowest := strconv.Atoi(from)
	highest, errHighest := strconv.Atoi(to)
	if !spaced || errLowest != nil || errHighest != nil || lowest < 1 || lowest > highest || highest > 255 {
		return false
	}
	s.addExits(lowest, highest)
	return true
}
