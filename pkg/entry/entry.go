package entry

import (
	"bytes"
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
	// JSON is the entry byte for byte, without what may stand before and after the
	// JSON value. It is a part of what was decoded.
	JSON []byte
}

// Decode reads an entry. Its error is always a *DecodeError.
//
// Both properties are optional, and {} and null ask for a run without
// arguments. Names are matched without regard to case, of several equal
// properties the last one counts (the variables of several env objects are
// joined), a null among the arguments is an empty string, and whatever follows
// the JSON value is ignored: producers of Gordon 1.x may rely on each of these.
// An empty array is an empty env, because that is how PHP writes an empty map.
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
	again := false
	for m := range members(raw[:object.end], object.start) {
		switch key := name(m.key.of(raw)); {
		case bytes.EqualFold(key, []byte("args")):
			err = decodeArgs(raw, m.value, &e.Args)
		case bytes.EqualFold(key, []byte("env")):
			err = decodeEnv(raw, m.value, &e.Env)
		case string(key) == past:
			err = e.Past.decode(raw, m.value)
		case string(key) == errorMessage:
			again = true
		case len(key) <= maxOrder:
			err = e.Orders.decode(strings.ToLower(string(key)), raw, m.value)
		}
		if err != nil {
			return Entry{}, err
		}
	}
	if again {
		e.Past = Past{} // a person has pushed the record of a failure: it begins anew
	}
	return e, nil
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
	index := 0
	for m := range members(raw[:value.end], value.start) {
		if k := kind(raw[m.value.start]); k != kindString && k != kindNull {
			return &DecodeError{
				Offset:   m.value.start,
				Problem:  fmt.Sprintf(`number %d of "args" is %s`, index+1, k),
				Expected: `every argument has to be a string, such as "5"`,
			}
		}
		index++
	}
	if *args == nil {
		// Left to grow by itself, a million small ones cost several times as much.
		*args = make([]string, 0, index)
	}
	return unmarshal(raw, value, args)
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
	}
	return unmarshal(raw, value, env)
}

// unmarshal decodes a value whose type has been looked at before, so that an
// error here would be a fault of this package; it is still not passed over.
func unmarshal(raw []byte, value span, into any) error {
	if err := json.Unmarshal(value.of(raw), into); err != nil {
		return &DecodeError{Offset: value.start, Problem: err.Error(), Expected: wantObject, Err: err}
	}
	return nil
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
