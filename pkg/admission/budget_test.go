package admission

import "testing"

func TestBudgetWakesWhoWaits(t *testing.T) {
	b := NewBudget()
	mine, others := make(chan struct{}, 1), make(chan struct{}, 1)
	if !b.Acquire(1, mine) || b.Acquire(1, others) {
		t.Fatal("one place was not given once")
	}
	if !b.Within(1) || b.Within(0) {
		t.Error("within counts wrongly")
	}
	b.Release()
	select {
	case <-others:
	default:
		t.Error("nobody was woken")
	}
	if !b.Acquire(1, others) {
		t.Error("the place is not free")
	}
}
