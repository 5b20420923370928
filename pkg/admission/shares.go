package admission

import "cmp"

// account is the share that a task type has of max_running, and the part of it that
// the type has used.
type account struct {
	name     string
	priority int
	weight   int // 1 or more
	// paid grows by 1/weight with each task that starts.
	paid float64
	// idle is set if the type had no work when it was last looked at.
	idle bool
}

// shares decides which type starts the next task: a type of the highest priority
// that has work, and among those the type that has paid the least. So n tasks of a
// type with the weight w cost as much as 2n of a type with 2w. This is start-time
// fair queueing (Goyal, Vin, Cheng: Start-time Fair Queueing, SIGCOMM 1996, doi
// 10.1145/248156.248171) with each task of length 1: between two types that always
// have work, tasks per weight never differ by more than one task of each.
//
// It counts tasks and knows no clock, because the duration of a task is not known
// beforehand.
type shares struct {
	// clock is, for each priority, the highest amount that the type of a started
	// task had paid before that start.
	clock map[int]float64
}

func newShares() *shares { return &shares{clock: make(map[int]float64)} }

// before reports whether a's next task starts before b's.
func before(a, b *account) bool {
	return cmp.Or(
		-cmp.Compare(a.priority, b.priority), cmp.Compare(a.paid, b.paid),
		-cmp.Compare(a.weight, b.weight), cmp.Compare(a.name, b.name),
	) < 0
}

// arrive notes that a type has work. A type that had none has saved nothing: it
// continues from the present state of the others.
func (s *shares) arrive(a *account) {
	if a.idle {
		a.paid = max(a.paid, s.clock[a.priority])
	}
	a.idle = false
}

// charge makes a type pay for a task that starts.
func (s *shares) charge(a *account) {
	s.clock[a.priority] = max(s.clock[a.priority], a.paid)
	a.paid += 1 / float64(a.weight)
}

// refund undoes charge. The caller found no task to start.
func (s *shares) refund(a *account) { a.paid -= 1 / float64(a.weight) }
