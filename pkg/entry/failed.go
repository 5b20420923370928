package entry

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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
func Failed(raw []byte, message string) []byte {
	object, err := locate(raw)
	if err != nil {
		return wrap(raw, message)
	}
	if raw[object.start] == 'n' {
		raw, object = []byte("{}"), span{0, 2}
	}
	return splice(raw, object, message)
}

// splice copies the object, leaves out its error_message and puts ours right
// behind the last value kept. That place, and not the one before the brace,
// makes a second splice undo the first with all white space where it was.
func splice(raw []byte, object span, message string) []byte {
	out := make([]byte, 0, object.end-object.start+len(message)+len(message)/8+64)
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
	out := make([]byte, 0, len(raw)+len(raw)/8+len(message)+64)
	out = append(out, '{')
	out = appendProperty(out, "raw", string(raw))
	out = append(out, ',')
	if !utf8.Valid(raw) {
		out = appendProperty(out, "raw_base64", base64.StdEncoding.EncodeToString(raw))
		out = append(out, ',')
	}
	out = appendProperty(out, errorMessage, message)
	return append(out, '}')
}

// appendProperty appends "name":"value". Invalid UTF-8 in value becomes U+FFFD.
func appendProperty(out []byte, name, value string) []byte {
	out = append(out, '"')
	out = append(out, name...)
	out = append(out, '"', ':')
	b := bytes.NewBuffer(out)
	enc := json.NewEncoder(b)
	// People read these records in redis-cli: < stays <.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		// A string always encodes; only the buffer could fail, and it panics.
		panic("entry: cannot encode a string: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
