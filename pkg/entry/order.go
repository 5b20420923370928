package entry

import (
	"encoding/json"
	"fmt"
	"math"
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

// decode reads one property, if it is an order. A null is none, and the last one
// counts.
func (o *Orders) decode(property string, raw []byte, value span) (err error) {
	if kind(raw[value.start]) == kindNull {
		return nil
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
	return err
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
		if err := unmarshal(raw, value, &id); err != nil {
			return "", err
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

// latest is the last moment that an entry can name, the end of the year 9999 in
// Unix seconds. It catches a producer that counts milliseconds.
const latest = 253402300799

const timeForm = `has to be Unix seconds, such as 1767225600.5, or a time with its zone, such as "2026-01-01T00:00:00Z"`

func decodeTime(property string, raw []byte, value span) (time.Time, error) {
	switch kind(raw[value.start]) {
	case kindNumber:
		s, err := strconv.ParseFloat(string(value.of(raw)), 64)
		if err != nil || math.Abs(s) > latest {
			return time.Time{}, wrong(property, raw, value, timeForm+", up to the year 9999 (is it in milliseconds?)")
		}
		return time.UnixMilli(int64(math.Round(s * 1000))), nil
	case kindString:
		var text string
		if err := unmarshal(raw, value, &text); err != nil {
			return time.Time{}, err
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return time.Time{}, wrong(property, raw, value, timeForm)
		}
		return t, nil
	default:
		return time.Time{}, wrong(property, raw, value, timeForm)
	}
}

const spanForm = `has to be seconds, such as 90 or 1.5, or a duration such as "1m30s"`

// longest is the longest time that a producer can ask for, 100 years.
const longest = 100 * 365 * 24 * time.Hour

// decodeSpan reads a duration. One under 0 is as good as 0.
func decodeSpan(property string, raw []byte, value span) (time.Duration, error) {
	switch kind(raw[value.start]) {
	case kindNumber:
		s, err := strconv.ParseFloat(string(value.of(raw)), 64)
		if err != nil || s > longest.Seconds() {
			return 0, wrong(property, raw, value, spanForm+", up to 100 years")
		}
		return time.Duration(max(s, 0) * float64(time.Second)), nil
	case kindString:
		var text string
		if err := unmarshal(raw, value, &text); err != nil {
			return 0, err
		}
		d, err := time.ParseDuration(text)
		if err != nil || d > longest {
			return 0, wrong(property, raw, value, spanForm+", up to 100 years")
		}
		return max(d, 0), nil
	default:
		return 0, wrong(property, raw, value, spanForm)
	}
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
