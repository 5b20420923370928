package config

import "github.com/nevsnode/gordon/v2/internal/failures"

// draft is a task while its keys are read.
type draft struct {
	Task
	keys  []key  // bound to the fields of this draft
	scope *scope // its own keys; the parent has the inherited ones
	at    Origin // where the type is named first

	noRetryOn failures.Set
	v1        v1Values
}

// newDraft returns a task with the values that it inherits.
func newDraft(name string, at Origin, defaults *draft) *draft {
	t := new(draft)
	*t = *defaults
	t.Type, t.at, t.scope = name, at, newScope(defaults.scope)
	t.keys = taskKeys(t)
	return t
}

// scope records where the keys of the top, or of one task, are set.
type scope struct {
	own    map[string]mark // by name, such as total.memory_max
	parent *scope          // of the values that a task inherits; nil for the top
}

// mark is the place of a value. An invalid value has a fault, and no further
// fault must follow from it.
type mark struct {
	Origin
	invalid bool
}

func newScope(parent *scope) *scope {
	return &scope{own: make(map[string]mark), parent: parent}
}

// mark returns where a key is set, in the task or at the top.
func (s *scope) mark(name string) (mark, bool) {
	m, ok := s.own[name]
	if !ok && s.parent != nil {
		return s.parent.mark(name)
	}
	return m, ok
}

// at returns the origin of a key that is set.
func (s *scope) at(name string) Origin {
	m, _ := s.mark(name)
	return m.Origin
}

// set reports whether a key is set, valid or not.
func (s *scope) set(name string) bool {
	_, ok := s.mark(name)
	return ok
}

// valid reports whether all these keys are set to valid values.
func (s *scope) valid(names ...string) bool {
	for _, name := range names {
		if m, ok := s.mark(name); !ok || m.invalid {
			return false
		}
	}
	return true
}

// invalid reports whether a key has an invalid value.
func (s *scope) invalid(name string) bool {
	m, _ := s.mark(name)
	return m.invalid
}

// has reports whether the task itself sets one of these keys.
func (s *scope) has(names ...string) bool {
	for _, name := range names {
		if _, ok := s.own[name]; ok {
			return true
		}
	}
	return false
}

// reject marks the value of a key as invalid.
func (s *scope) reject(name string) {
	m := s.own[name]
	m.invalid = true
	s.own[name] = m
}

// origins returns the places of the keys that the task itself sets.
func (s *scope) origins() map[string]Origin {
	places := make(map[string]Origin, len(s.own))
	for name, m := range s.own {
		places[name] = m.Origin
	}
	return places
}
