package entry

import (
	"bytes"
	"iter"
)

// The functions of this file find the borders of JSON values and check nothing else:
// encoding/json decides what is valid. They exist because encoding/json reports neither
// the position of a property nor, without a copy, the end of a value. None of them
// recurses, so no nesting can exhaust the stack.

// span is the half-open range [start, end) of a buffer.
type span struct{ start, end int }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// member is a property of an object, or an element of an array, which has no key.
type member struct {
	prevEnd int  // end of the value before it, or of the opening bracket
	sepEnd  int  // end of the comma or opening bracket before it
	key     span // with its quotes
	value   span
}

// members yields the members of the valid object or array that starts at b[open]. There
// are none if b ends before that.
func members(b []byte, open int) iter.Seq[member] {
	return func(yield func(member) bool) {
		if open >= len(b) {
			return
		}
		isObject := b[open] == '{'
		m := member{prevEnd: open + 1, sepEnd: open + 1}
		for {
			at := skipSpace(b, m.sepEnd)
			if at >= len(b) || b[at] == '}' || b[at] == ']' {
				return
			}
			if isObject {
				m.key = span{at, skipString(b, at)}
				at = skipSpace(b, skipSpace(b, m.key.end)+1)
			}
			m.value = span{at, skipValue(b, at)}
			if !yield(m) {
				return
			}
			m.prevEnd = m.value.end
			comma := skipSpace(b, m.prevEnd)
			if comma >= len(b) || b[comma] != ',' {
				return
			}
			m.sepEnd = comma + 1
		}
	}
}

// name returns the decoded form of a quoted key, or nil if it has none.
func name(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	s, err := unquote(quoted)
	if err != nil {
		return nil
	}
	return []byte(s)
}

// skipValue returns the end of the value that starts at b[i], or len(b) if it has no end.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && !isDelimiter(b[i]) {
		i++
	}
	return i
}

// skipNested counts brackets of both kinds together. A mismatch is found when the range is
// checked as a whole.
func skipNested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return len(b)
}

// skipString returns the end of the string whose opening quote is b[i].
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// isSpace follows RFC 8259, section 2: four bytes, fewer than unicode.IsSpace.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isDelimiter(c byte) bool { return c == ',' || c == ']' || c == '}' || c == ':' || isSpace(c) }
