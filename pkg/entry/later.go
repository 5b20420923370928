package entry

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
)

// past is the property in which gordon keeps what it has to know of an entry
// that it puts off.
const past = "gordon"

// Past is what gordon has noted on an entry.
type Past struct {
	// Attempts is how often it has been run to an end.
	Attempts int `json:"attempts"`
	// TaskID is the run that put it off. It makes the entry differ from every
	// other, as entries of a sorted set have to.
	TaskID string `json:"task_id"`
	// Crashes is how often a daemon has died while it ran the entry, and
	// CrashedSince when that happened first, in Unix seconds.
	Crashes      int   `json:"crashes"`
	CrashedSince int64 `json:"crashed_since"`
}

func (p *Past) decode(raw []byte, value span) error {
	*p = Past{}
	if json.Unmarshal(value.of(raw), p) != nil || !isCount(p.Attempts) || !isCount(p.Crashes) {
		return wrong(past, raw, value, "is written by gordon: leave it out")
	}
	return nil
}

func isCount(n int) bool { return n >= 0 && n < math.MaxInt32 }

// maxOrder is the length of the longest name of an order.
const maxOrder = len("deadline")

// Later returns an entry that is put off, with its past on it: an object without
// the orders that have been carried out by then (run_at and delay), and without
// what a record of its failure has added. It returns nil where that could be
// longer than limit bytes, and for what cannot be read.
func Later(limit int, raw []byte, p Past) []byte {
	return withPast(limit, raw, p, func(raw []byte, object span) func([]byte) bool {
		again, _ := marks(raw, object)
		return func(key []byte) bool {
			return equalFold(key, runAt) || equalFold(key, delay) || again && isRecorded(key)
		}
	})
}

func equalFold(key []byte, name string) bool { return strings.EqualFold(string(key), name) }

// spread is raw with an object in it also where it is null.
func spread(raw []byte, object span) ([]byte, span) {
	if raw[object.start] == 'n' {
		return []byte("{}"), span{0, 2}
	}
	return raw, object
}

// rewrite copies the object, leaves out the properties that drop names and puts
// added right behind the last value kept. That place, and not the one before the
// brace, makes a second rewrite undo the first with all white space where it was.
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

// MayBeRecord reports whether an entry can be the record of a failure that somebody
// has pushed back; one that is not, and has the name of its property somewhere, may
// count as well.
func MayBeRecord(raw []byte) bool { return bytes.Contains(raw, []byte(`"`+errorMessage+`"`)) }

// marks looks at what makes an object the record of a failure: whether it is one
// that somebody has pushed back, and where the name of its raw text is, if it is
// the record of what was no entry.
func marks(raw []byte, object span) (record bool, text span) {
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
	// Every record has an outcome; one without was shortened by hand.
	if !unreadable && (ended || !record) {
		return record, span{}
	}
	return record || text.end > 0, text
}
