package entry

import "fmt"

const wantObject = `an entry must be an object, such as {"args":["first","second"],"env":{"NAME":"value"}}`

// DecodeError is the reason why an entry cannot be read. Its text is for the person who
// finds it on the failed list.
type DecodeError struct {
	Offset   int    // position of the problem, in bytes from the start of the entry
	Problem  string // the problem
	Expected string // the correct form
	Err      error  // the error of encoding/json, if any
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("cannot read the entry: %s at byte %d; %s", e.Problem, e.Offset, e.Expected)
}

// Unwrap returns the error of encoding/json, if the JSON itself is not valid.
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

// kind returns the type of a value, which its first byte shows.
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
	return "not a JSON value"
}
