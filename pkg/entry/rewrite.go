package entry

import (
	"bytes"
	"strings"
)

func equalFold(key []byte, name string) bool { return strings.EqualFold(string(key), name) }

// asObject returns an entry that is null as an empty object, and others unchanged.
func asObject(raw []byte, object span) ([]byte, span) {
	if raw[object.start] == 'n' {
		return []byte("{}"), span{0, 2}
	}
	return raw, object
}

// rewrite copies the object without the properties for which drop returns true, and puts
// added right after the last value that is kept. At this place, rather than before the
// brace, a second rewrite restores the first with all white space.
func rewrite(raw []byte, object span, added []byte, drop func(key []byte) bool) []byte {
	out := make([]byte, 0, object.end-object.start+len(added)+1)
	out = append(out, '{')
	kept := false
	end := object.start + 1
	for m := range members(raw[:object.end], object.start) {
		end = m.value.end
		if drop(name(m.key.of(raw))) {
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
	out = append(out, added...)
	return append(out, raw[end:object.end]...)
}

// MayBeRecord reports whether an entry can be a failed record that somebody has pushed
// back. An entry that only contains the name of its property somewhere may count as well.
func MayBeRecord(raw []byte) bool { return bytes.Contains(raw, []byte(`"`+errorMessage+`"`)) }

// recordOf reports whether an object is a failed record that somebody has pushed back. If
// it is the record of an unreadable entry, text is the position of the name of its raw
// text.
func recordOf(raw []byte, object span) (record bool, text span) {
	unreadable, ended := false, false
	for m := range members(raw[:object.end], object.start) {
		switch string(name(m.key.of(raw))) {
		case errorMessage:
			record = true
		case rawText, rawBase64:
			text = m.key
		case outcome:
			ended = true
			unreadable = kind(raw[m.value.start]) == kindString && string(name(m.value.of(raw))) == Unreadable
		}
	}
	// Every record has an outcome. If it has none, a person has shortened it.
	if !unreadable && (ended || !record) {
		return record, span{}
	}
	return record || text.end > 0, text
}
