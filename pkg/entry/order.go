package entry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// The properties that are obeyed before an entry runs; see [Later].
const (
	runAt = "run_at"
	delay = "delay"
)

// Orders are the properties of an entry for the daemon: when to run it, and for how long.
// The zero value asks for nothing.
type Orders struct {
	// ID is the producer's name for the entry: for the log, for the script, and to cancel
	// the task. "" is for none.
	ID string
	// RunAt is the time at which the entry is to run. The zero time and times in the past
	// mean now.
	RunAt time.Time
	// Delay is the time to wait after the entry was read. RunAt takes precedence.
	Delay time.Duration
	// Deadline is the time from which on the entry is not started. The zero time is for
	// none.
	Deadline time.Time
	// Timeout limits a run. It can only shorten the limit of the task. 0 is for none.
	Timeout time.Duration
}

// decode decodes one property, and reports whether it belongs to Orders. A null asks for
// nothing. Of several equal properties the last one counts.
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
		o.Delay, err = decodeDuration(property, raw, value)
	case "timeout":
		o.Timeout, err = decodeDuration(property, raw, value)
		if err == nil && o.Timeout <= 0 {
			err = unexpected(property, raw, value, "must be greater than 0")
		}
	}
	return true, err
}

// maxID is the maximum length of an id in bytes: it becomes part of the log and of an
// environment.
const maxID = 256

// decodeID decodes an id. A number counts as its text, because many producers number
// their entries.
func decodeID(property string, raw []byte, value span) (string, error) {
	var id string
	switch kind(raw[value.start]) {
	case kindNumber:
		id = string(value.of(raw))
	case kindString:
		var err error
		if id, err = text(raw, value); err != nil {
			return "", surrogateFault(err, value, strconv.Quote(property))
		}
	default:
		return "", nil // in 1.x the property had no meaning, so it may be anything
	}
	for _, r := range id {
		if r < ' ' || r == 0x7f {
			return "", unexpected(property, raw, value, "must not contain control characters")
		}
	}
	if len(id) > maxID {
		return "", unexpected(property, raw, value, "must not be longer than "+strconv.Itoa(maxID)+" bytes")
	}
	return id, nil
}

// unexpected returns the error for a property; form is the form that it must have.
func unexpected(property string, raw []byte, value span, form string) error {
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
