package taskqueue

import (
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

func TestSlotUsesItsListsInTurn(t *testing.T) {
	t.Parallel()
	s := &slot{index: 3}
	if s.current() != 6 || s.other() != 7 {
		t.Errorf("lists %d and %d", s.current(), s.other())
	}
	s.take()
	s.taken(store.Taken{}, 1)
	if s.state != free || s.other() != 7 {
		t.Errorf("after an empty take: %v, next list %d", s.state, s.other())
	}
	s.take()
	s.taken(store.Taken{Entry: []byte("a")}, 2)
	if s.state != running || s.current() != 7 || s.since != 2 {
		t.Errorf("after a take: %v in %d", s.state, s.current())
	}
	s.finish()
	s.finished(store.Taken{Entry: []byte("b")}, 3)
	if s.state != running || s.current() != 6 || string(s.entry) != "b" {
		t.Errorf("after the next: %v in %d", s.state, s.current())
	}
	s.finish()
	s.finished(store.Taken{}, 4)
	if s.state != free || s.entry != nil || s.other() != 7 {
		t.Errorf("at the end: %v, next list %d", s.state, s.other())
	}
}

func TestSlotRefusesWhatItsLifeDoesNotHave(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]func(*slot){
		"finish while free": (*slot).finish,
		"taken while free":  func(s *slot) { s.taken(store.Taken{}, 1) },
		"take twice":        func(s *slot) { s.take(); s.take() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			step(&slot{})
		})
	}
}
