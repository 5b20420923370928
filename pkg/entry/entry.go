package entry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
)

// Entry is a request of a producer for one run of a task's script.
type Entry struct {
	// Args are passed to the script in this order, byte for byte.
	Args []string
	// Env is added to the environment of the daemon, and takes precedence.
	Env map[string]string
	Orders
	// Past is Gordon's note on the entry.
	Past Past
	// Guesses are properties without a meaning that look like a mistake.
	Guesses []Guess
	// JSON is the entry byte for byte, without the bytes before and after the JSON
	// value. It is a part of the decoded slice.
	JSON []byte
}

// Decode decodes an entry. Its error is always a *DecodeError. With an error it returns
// the id of the entry, if that is readable, so that the log can name it.
//
// Both properties are optional; {} and null ask for a run without arguments. The case of
// a name does not matter. Of several equal properties the last one counts, but the
// variables of several env objects are joined. A null among the arguments is an empty
// string. Bytes after the JSON value are ignored. Producers of Gordon 1.x may rely on each
// of these. An empty array is an empty env, because PHP writes an empty map so.
//
// The record of an unreadable entry cannot be read too when it is pushed: it has no
// arguments, so that the script would run without any, and its text would be lost.
func Decode(raw []byte) (Entry, error) {
	var e Entry
	object, err := locate(raw)
	if err != nil {
		return Entry{}, err
	}
	e.JSON = object.of(raw)
	if raw[object.start] == 'n' {
		return e, nil
	}
	var fault error
	unknown := 0
	for m := range members(raw[:object.end], object.start) {
		key := name(m.key.of(raw))
		known, err := e.property(key, raw, m.value)
		fault = cmp.Or(fault, err)
		if !known && unknown < maxUnknown {
			unknown++
			e.guess(key)
		}
	}
	record, text := recordOf(raw, object)
	if text.end > 0 {
		fault = cmp.Or(fault, error(&DecodeError{
			Offset: text.start, Problem: "it is a record of an unreadable entry",
			Expected: `push a corrected entry without the properties "raw", "raw_base64" and "outcome"`,
		}))
	}
	if fault != nil {
		return Entry{Orders: Orders{ID: e.ID}, Guesses: e.missed(raw, object)}, fault
	}
	e.Guesses = e.missed(raw, object)
	if record {
		e.Past = Past{} // a person has pushed a failed record: its count begins anew
	}
	return e, nil
}

// property decodes one property, and reports whether it has a meaning.
func (e *Entry) property(key, raw []byte, value span) (known bool, err error) {
	switch {
	case bytes.EqualFold(key, []byte("args")):
		return true, decodeArgs(raw, value, &e.Args)
	case bytes.EqualFold(key, []byte("env")):
		return true, decodeEnv(raw, value, &e.Env)
	case string(key) == noteProperty:
		return true, e.Past.decode(raw, value)
	case len(key) <= maxOrder:
		return e.Orders.decode(strings.ToLower(string(key)), raw, value)
	}
	return false, nil
}

// locate returns the position of the object or null at the beginning of raw.
func locate(raw []byte) (span, error) {
	start := skipSpace(raw, 0)
	if start == len(raw) {
		return span{}, &DecodeError{Problem: "it is empty", Expected: wantObject}
	}
	if bytes.HasPrefix(raw[start:], []byte("null")) {
		return span{start, start + len("null")}, nil
	}
	if raw[start] != '{' {
		return span{}, notAnObject(raw, start)
	}
	object := span{start, skipValue(raw, start)}
	if !json.Valid(object.of(raw)) {
		return span{}, invalid(raw, object)
	}
	return object, nil
}
