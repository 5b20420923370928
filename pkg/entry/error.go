package entry

import "fmt"

const wantObject = `an entry has to be an object, such as {"args":["first","second"],"env":{"NAME":"value"}}`

// DecodeError says why an entry can't be read. It is worded for the person who
// finds it on the failed list.
type DecodeError struct {
	Offset   int    // of the fault, in bytes from the start of the entry
	Problem  string // what is wrong
	Expected string // what would be right
	Err      error  // the error of encoding/json behind it, if any
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("cannot read the entry: %s at byte %d; %s", e.Problem, e.Offset, e.Expected)
}

// Unwrap returns the error of encoding/json where the JSON itself is at fault.
func (e *DecodeError) Unwrap() error { return e.Err }

// jsonKind is the type of a JSON value.
type jsonKind int

const (
	kindNone jsonKind = iota
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// kind tells the type of a value by its first byte.
func kind(first byte) jsonKind {
	switch {
	case first == 'n':
		return kindNull
	case first == 't' || first == 'f':
		return kindBool
	case first == '-' || first >= '0' && first <= '9':
		return kindNumber
	case first == '"':
		return kindString
	case first == '[':
		return kindArray
	case first == '{':
		return kindObject
	default:
		return kindNone
	}
}

func (k jsonKind) String() string {
	switch k {
	case kindNull:
		return "null"
	case kindBool:
		return "a boolean"
	case kindNumber:
		return "a number"
	case kindString:
		return "a string"
	case kindArray:
		return "an array"
	case kindObject:
		return "an object"
	case kindNone:
	}
	return "no JSON value"
}
