package entry

import (
	"encoding/json"
	"errors"
	"fmt"
)

// decodeArgs decodes the property args.
func decodeArgs(raw []byte, value span, args *[]string) error {
	switch k := kind(raw[value.start]); k {
	case kindNull:
		*args = nil
		return nil
	case kindArray:
	default:
		return &DecodeError{
			Offset: value.start, Problem: fmt.Sprintf(`"args" is %s`, k),
			Expected: `it must be an array of strings, such as ["first","second"]`,
		}
	}
	count := 0
	for range members(raw[:value.end], value.start) {
		count++
	}
	// With a slice that grows, a million small arguments would cost several times as much.
	list := make([]string, 0, count)
	for m := range members(raw[:value.end], value.start) {
		if k := kind(raw[m.value.start]); k != kindString && k != kindNull {
			return &DecodeError{
				Offset: m.value.start, Problem: fmt.Sprintf(`element %d of "args" is %s`, len(list)+1, k),
				Expected: `every argument must be a string, such as "5"`,
			}
		}
		arg, err := text(raw, m.value)
		if err != nil {
			return surrogateFault(err, m.value, fmt.Sprintf(`element %d of "args"`, len(list)+1))
		}
		list = append(list, arg)
	}
	*args = list
	return nil
}

// decodeEnv decodes the property env. It adds to the variables of an earlier one.
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
			Offset: value.start, Problem: fmt.Sprintf(`"env" is %s`, k),
			Expected: `it must be an object of strings, such as {"NAME":"value"}`,
		}
	}
	if *env == nil {
		*env = make(map[string]string)
	}
	for m := range members(raw[:value.end], value.start) {
		variable, content, err := decodeVariable(raw, m)
		if err != nil {
			return err
		}
		(*env)[variable] = content
	}
	return nil
}

func decodeVariable(raw []byte, m member) (variable, content string, err error) {
	if k := kind(raw[m.value.start]); k != kindString && k != kindNull {
		return "", "", &DecodeError{
			Offset: m.value.start, Problem: fmt.Sprintf(`%.100q of "env" is %s`, name(m.key.of(raw)), k),
			Expected: `every variable must be a string, such as "5"`,
		}
	}
	if variable, err = text(raw, m.key); err != nil {
		return "", "", surrogateFault(err, m.key, `a name in "env"`)
	}
	if content, err = text(raw, m.value); err != nil {
		return "", "", surrogateFault(err, m.value, fmt.Sprintf(`%.100q of "env"`, variable))
	}
	return variable, content, nil
}

// text returns the bytes of a string; a null is an empty one.
func text(raw []byte, value span) (string, error) {
	if kind(raw[value.start]) == kindNull {
		return "", nil
	}
	return unquote(value.of(raw))
}

// surrogateFault returns the error for a string in which text has found a lone surrogate;
// what names the string.
func surrogateFault(err error, value span, what string) error {
	e := &DecodeError{Offset: value.start, Problem: what + " contains " + err.Error(), Expected: wantByte, Err: err}
	if lone := (*surrogateError)(nil); errors.As(err, &lone) {
		e.Offset += lone.at
	}
	return e
}

// notAnObject returns the error for an entry that begins neither as an object nor as
// null.
func notAnObject(raw []byte, start int) error {
	value := span{start, skipValue(raw, start)}
	k := kind(raw[start])
	// A text such as "test" begins like true. An array is known by its bracket.
	if k != kindArray && !json.Valid(value.of(raw)) {
		return invalid(raw, span{start, len(raw)})
	}
	return &DecodeError{Offset: start, Problem: "it is " + k.String(), Expected: wantObject}
}

// invalid returns the error of encoding/json for a value that is not valid.
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
