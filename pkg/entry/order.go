package entry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// The orders that are carried out before an entry runs; see [Later].
const (
	runAt = "run_at"
	delay = "delay"
)

// Orders are what an entry asks of the daemon besides its arguments and its
// environment. The zero value asks for nothing.
type Orders struct {
	// ID is a name that the producer gave the entry: for the log, for the script
	// and to cancel it by. "" = none.
	ID string
	// RunAt is when the entry is to run; the zero time and the past mean now.
	RunAt time.Time
	// Delay is how long it is to wait from the moment that it is read. RunAt wins
	// over it. 0 = not at all.
	Delay time.Duration
	// Deadline is when it is too late to start; the zero time means never.
	Deadline time.Time
	// Timeout bounds a run; it can only shorten what the task allows. 0 = as the
	// task has it.
	Timeout time.Duration
}

// decode reads one property, if it is an order, and reports whether it is. A null
// asks for nothing, and the last one counts.
func (o *Orders) decode(property string, raw []byte, value span) (known bool, err error) {
	if !slices.Contains([]string{"id", runAt, delay, "deadline", "timeout"}, property) {
		return false, nil
	}
	if kind(raw[value.start]) == kindNull {
		return true, nil
	}
	switch property {
	case "id":
		o.ID, err = decodeID(property, raw, value)
	case runAt:
		o.RunAt, err = decodeTime(property, raw, value)
	case "deadline":
		o.Deadline, err = decodeTime(property, raw, value)
	case delay:
		o.Delay, err = decodeSpan(property, raw, value)
	case "timeout":
		o.Timeout, err = decodeSpan(property, raw, value)
		if err == nil && o.Timeout <= 0 {
			err = wrong(property, raw, value, "has to be over 0")
		}
	}
	return true, err
}

// maxID bounds an id in bytes: it becomes part of the log and of an environment.
const maxID = 256

// decodeID takes a number for the text that it is written as, since many
// producers number their entries.
func decodeID(property string, raw []byte, value span) (string, error) {
	var id string
	switch kind(raw[value.start]) {
	case kindNumber:
		id = string(value.of(raw))
	case kindString:
		var err error
		if id, err = text(raw, value); err != nil {
			return "", surrogate(err, value, strconv.Quote(property))
		}
	default:
		return "", nil // what producers of 1.x called an id had no meaning, so it may be anything
	}
	for _, r := range id {
		if r < ' ' || r == 0x7f {
			return "", wrong(property, raw, value, "must not hold control characters")
		}
	}
	if len(id) > maxID {
		return "", wrong(property, raw, value, "must not be longer than "+strconv.Itoa(maxID)+" bytes")
	}
	return id, nil
}

// wrong says what a property has to be, and what it is.
func wrong(property string, raw []byte, value span, form string) error {
	shown := string(value.of(raw))
	const most = 80
	if len(shown) > most {
		shown = shown[:most] + "…"
	}
	if !utf8.ValidString(shown) || !json.Valid([]byte(shown)) {
		shown = strconv.QuoteToASCII(shown)
	}
	return &DecodeError{Offset: value.start, Problem: fmt.Sprintf("%q is %s", property, shown), Expected: "it " + form}
}
