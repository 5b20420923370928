package entry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Entry is what a producer asks for: one run of a task's script.
type Entry struct {
	// Args are handed to the script in this order, byte for byte.
	Args []string
	// Env is added to the environment of the daemon and wins over it.
	Env map[string]string
	Orders
	// Past is what gordon noted when it put the entry off.
	Past Past
	// Guesses are properties without a meaning that look like a slip of the hand.
	Guesses []Guess
	// JSON is the entry byte for byte, without what may stand before and after the
	// JSON value. It is a part of what was decoded.
	JSON []byte
}

// Decode reads an entry. Its error is always a *DecodeError, and comes with the
// entry's id where that can be read, so that the log can name it.
//
// Both properties are optional, and {} and null ask for a run without
// arguments. Names are matched without regard to case, of several equal
// properties the last one counts (the variables of several env objects are
// joined), a null among the arguments is an empty string, and whatever follows
// the JSON value is ignored: producers of Gordon 1.x may rely on each of these.
// An empty array is an empty env, because that is how PHP writes an empty map.
//
// The record of what was no entry is none either when it comes back: it has no
// arguments, so that the script would run without any, and its text would be gone.
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
	record, text := marks(raw, object)
	if text.end > 0 {
		fault = cmp.Or(fault, error(&DecodeError{
			Offset: text.start, Problem: "it is the record of what could not be read",
			Expected: `push what was meant instead, without the properties "raw", "raw_base64" and "outcome"`,
		}))
	}
	if fault != nil {
		return Entry{Orders: Orders{ID: e.ID}, Guesses: e.unmet(raw, object)}, fault
	}
	e.Guesses = e.unmet(raw, object)
	if record {
		e.Past = Past{} // a person has pushed the record of a failure: it begins anew
	}
	return e, nil
}

// property reads one property and reports whether it is one with a meaning.
func (e *Entry) property(key, raw []byte, value span) (known bool, err error) {
	switch {
	case bytes.EqualFold(key, []byte("args")):
		return true, decodeArgs(raw, value, &e.Args)
	case bytes.EqualFold(key, []byte("env")):
		return true, decodeEnv(raw, value, &e.Env)
	case string(key) == past:
		return true, e.Past.decode(raw, value)
	case len(key) <= maxOrder:
		return e.Orders.decode(strings.ToLower(string(key)), raw, value)
	}
	return false, nil
}

// locate finds the object or null that raw begins with.
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

func decodeArgs(raw []byte, value span, args *[]string) error {
	switch kind(raw[value.start]) {
	case kindNull:
		*args = nil
		return nil
	case kindArray:
	default:
		return &DecodeError{
			Offset:   value.start,
			Problem:  fmt.Sprintf(`"args" is %s`, kind(raw[value.start])),
			Expected: `it has to be an array of strings, such as ["first","second"]`,
		}
	}
	count := 0
	for range members(raw[:value.end], value.start) {
		count++
	}
	// Left to grow by itself, a million small ones cost several times as much.
	list := make([]string, 0, count)
	for m := range members(raw[:value.end], value.start) {
		if k := kind(raw[m.value.start]); k != kindString && k != kindNull {
			return &DecodeError{
				Offset:   m.value.start,
				Problem:  fmt.Sprintf(`number %d of "args" is %s`, len(list)+1, k),
				Expected: `every argument has to be a string, such as "5"`,
			}
		}
		arg, err := text(raw, m.value)
		if err != nil {
			return surrogate(err, m.value, fmt.Sprintf(`number %d of "args"`, len(list)+1))
		}
		list = append(list, arg)
	}
	*args = list
	return nil
}

func decodeEnv(raw []byte, value span, env *map[string]string) error {
	k := kind(raw[value.start])
	switch {
	case k == kindNull:
		*env = nil
		return nil
	case k == kindArray && raw[skipSpace(raw, value.start+1)] == ']':
		*env = map[string]string{}
		return nil
	case k != kindObject:
		return &DecodeError{
			Offset:   value.start,
			Problem:  fmt.Sprintf(`"env" is %s`, k),
			Expected: `it has to be an object of strings, such as {"NAME":"value"}`,
		}
	}
	for m := range members(raw[:value.end], value.start) {
		if k := kind(raw[m.value.start]); k != kindString && k != kindNull {
			return &DecodeError{
				Offset:   m.value.start,
				Problem:  fmt.Sprintf(`%.100q of "env" is %s`, name(m.key.of(raw)), k),
				Expected: `every variable has to be a string, such as "5"`,
			}
		}
		variable, err := text(raw, m.key)
		if err != nil {
			return surrogate(err, m.key, `a name in "env"`)
		}
		content, err := text(raw, m.value)
		if err != nil {
			return surrogate(err, m.value, fmt.Sprintf(`%.100q of "env"`, variable))
		}
		if *env == nil {
			*env = make(map[string]string)
		}
		(*env)[variable] = content
	}
	if *env == nil {
		*env = map[string]string{}
	}
	return nil
}

// text returns the bytes of a string; a null is an empty one.
func text(raw []byte, value span) (string, error) {
	if kind(raw[value.start]) == kindNull {
		return "", nil
	}
	return unquote(value.of(raw))
}

// surrogate explains an error of text; whose is where the string is.
func surrogate(err error, value span, whose string) error {
	e := &DecodeError{Offset: value.start, Problem: whose + " holds " + err.Error(), Expected: wantByte, Err: err}
	if lone := (*surrogateError)(nil); errors.As(err, &lone) {
		e.Offset += lone.at
	}
	return e
}

// notAnObject explains raw, whose first value starts with another byte than
// that of an object or null.
func notAnObject(raw []byte, start int) error {
	value := span{start, skipValue(raw, start)}
	k := kind(raw[start])
	// A text such as "test" begins like true; an array is one from its bracket.
	if k != kindArray && !json.Valid(value.of(raw)) {
		return invalid(raw, span{start, len(raw)})
	}
	return &DecodeError{Offset: start, Problem: "it is " + k.String(), Expected: wantObject}
}

// invalid asks encoding/json what is wrong with the value.
func invalid(raw []byte, value span) error {
	err := json.Unmarshal(value.of(raw), &struct{}{})
	offset := value.start
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset += max(0, int(syntax.Offset)-1) // it counts the offending byte
	}
	return &DecodeError{
		Offset: offset, Problem: fmt.Sprintf("it is not valid JSON (%v)", err),
		Expected: wantObject, Err: err,
	}
}
