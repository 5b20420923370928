package entry

import (
	"bytes"
	"encoding/base64"
	"math"
	"unicode/utf8"
)

const errorMessage = "error_message"

// Failed returns the record of a failed entry: a JSON object whose last
// property is error_message.
//
// An object keeps its bytes and loses only an error_message of before, so that
// an entry that a person pushed back from the failed list does not grow with
// every failure. Spellings such as "Error_Message" stay: they are the
// producer's, and a reader that ignores case takes the last one, which is ours.
// What is not an object becomes the string property raw; where its bytes are
// not UTF-8 the string can't hold them and raw_base64 has them exactly (RFC
// 4648, standard alphabet, padded). Bytes after the JSON value are dropped from
// an object, which Decode ignores too.
func Failed(raw []byte, message string) []byte { return FailedWithin(math.MaxInt, raw, message) }

// FailedWithin is Failed, or nil where the record could be longer than limit
// bytes. One that is nearly as long may count as longer.
func FailedWithin(limit int, raw []byte, message string) []byte {
	object, err := locate(raw)
	room := limit - quotedLen(message) - len(errorMessage) - 64
	if err != nil {
		if recordLen(raw) > room {
			return nil
		}
		return wrap(raw, message)
	}
	if raw[object.start] == 'n' {
		raw, object = []byte("{}"), span{0, 2}
	}
	if object.end-object.start > room {
		return nil
	}
	return splice(raw, object, message)
}

// recordLen is how long raw and raw_base64 are.
func recordLen(raw []byte) int {
	n := quotedLen(raw)
	if !utf8.Valid(raw) {
		n += base64.StdEncoding.EncodedLen(len(raw))
	}
	return n
}

// splice copies the object, leaves out its error_message and puts ours right
// behind the last value kept. That place, and not the one before the brace,
// makes a second splice undo the first with all white space where it was.
func splice(raw []byte, object span, message string) []byte {
	out := make([]byte, 0, object.end-object.start+quotedLen(message)+64)
	out = append(out, '{')
	kept := false
	end := object.start + 1
	for m := range members(raw[:object.end], object.start) {
		end = m.value.end
		if bytes.Equal(name(m.key.of(raw)), []byte(errorMessage)) {
			continue
		}
		from := m.prevEnd
		if !kept {
			from = m.sepEnd
		}
		out = append(out, raw[from:m.value.end]...)
		kept = true
	}
	if kept {
		out = append(out, ',')
	}
	out = appendProperty(out, errorMessage, message)
	return append(out, raw[end:object.end]...)
}

// wrap makes an object of bytes that are none.
func wrap(raw []byte, message string) []byte {
	out := make([]byte, 0, recordLen(raw)+quotedLen(message)+64)
	out = append(out, '{')
	out = appendProperty(out, "raw", raw)
	out = append(out, ',')
	if !utf8.Valid(raw) {
		out = append(out, `"raw_base64":"`...)
		out = base64.StdEncoding.AppendEncode(out, raw)
		out = append(out, '"', ',')
	}
	out = appendProperty(out, errorMessage, message)
	return append(out, '}')
}

// appendProperty appends "name":"value".
func appendProperty[T text](out []byte, name string, value T) []byte {
	out = append(out, '"')
	out = append(out, name...)
	out = append(out, '"', ':')
	return appendQuoted(out, value)
}
