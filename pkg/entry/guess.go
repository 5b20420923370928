package entry

import (
	"slices"
	"strings"
)

// Guess is an unknown property whose name resembles a known one. Unknown properties
// belong to the producer and are never refused. But {"arg":["a"]} runs the script without
// arguments, and nobody would know why.
type Guess struct {
	Property string // as the producer wrote it
	Meant    string // the known property
}

const (
	// maxUnknown is how many unknown properties of an entry are compared.
	maxUnknown = 32
	// maxGuesses is how many guesses are reported.
	maxGuesses = 4
	// maxGuessed is the maximum length of a name that is compared, in bytes.
	maxGuessed = 24
)

// guess notes an unknown property whose name resembles a known one.
func (e *Entry) guess(key []byte) {
	if len(key) > maxGuessed || len(e.Guesses) == maxGuesses {
		return
	}
	if meant := meantBy(string(key)); meant != "" {
		e.Guesses = append(e.Guesses, Guess{Property: string(key), Meant: meant})
	}
}

// missed returns the guesses for properties that the entry lacks: if it has args, its
// params are something else.
func (e *Entry) missed(raw []byte, object span) []Guess {
	if len(e.Guesses) == 0 {
		return nil
	}
	for m := range members(raw[:object.end], object.start) {
		key := name(m.key.of(raw))
		e.Guesses = slices.DeleteFunc(e.Guesses, func(g Guess) bool { return equalFold(key, g.Meant) })
	}
	return e.Guesses
}

// meantBy returns the known property that an unknown one was probably meant to be, or "".
func meantBy(unknown string) string {
	plain := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(unknown))
	switch plain {
	case "argv", "argument", "arguments", "param", "params", "parameter", "parameters":
		return "args"
	case "envs", "environ", "environment", "envvars", "variables":
		return "env"
	case "entryid", "jobid", "taskid":
		if unknown != "task_id" { // that of a record
			return "id"
		}
	case "delays", "delayms", "delayseconds", "delaysec", "delaysecs", "countdown", "runin", "runafter":
		return delay
	case "eta", "at", "runatutc", "scheduledat", "scheduleat", "startat", "notbefore":
		return runAt
	case "expires", "expiresat", "expireat", "expiry", "notafter":
		return "deadline"
	case "timeouts", "timeoutms", "timeoutseconds", "timelimit", "maxruntime":
		return "timeout"
	}
	for _, known := range []string{"args", runAt, delay, "deadline", "timeout"} {
		if near(plain, strings.ReplaceAll(known, "_", "")) {
			return known
		}
	}
	return ""
}

// near reports whether a and b differ by one typing mistake: an extra byte, a missing one,
// a wrong one, or two swapped.
func near(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return len(a) <= 1 && len(b) <= 1 || swapped
}
