package entry

import (
	"strconv"
	"time"
)

// Crashed returns the past of an entry whose daemon has died while it was run, at
// now. A count that began longer ago than window begins anew.
func (p Past) Crashed(now time.Time, window time.Duration) Past {
	if since := now.Sub(time.Unix(p.CrashedSince, 0)); p.Crashes == 0 || since >= window {
		p.Crashes, p.CrashedSince = 0, now.Unix()
	}
	p.Crashes++
	return p
}

// PastOf reads the past of an entry and nothing else of it: whatever is in an
// entry that may have killed a daemon costs no memory here. The error, a
// *DecodeError, is for what is no entry or has a past that gordon did not write.
//
// A record of a failure has none. What is noted on a record that a person has
// pushed back is behind its error_message.
func PastOf(raw []byte) (p Past, err error) {
	object, err := locate(raw)
	if err != nil || raw[object.start] == 'n' {
		return Past{}, err
	}
	for m := range members(raw[:object.end], object.start) {
		switch string(name(m.key.of(raw))) {
		case past:
			if err := p.decode(raw, m.value); err != nil {
				return Past{}, err
			}
		case errorMessage:
			p = Past{}
		}
	}
	return p, nil
}

// WithPast returns an entry with another past and everything else as it was, or nil
// where that could be longer than limit bytes, and for what is no entry.
func WithPast(limit int, raw []byte, p Past) []byte {
	return withPast(limit, raw, p, func([]byte, span) func([]byte) bool {
		return func([]byte) bool { return false }
	})
}

// withPast is WithPast without the properties of the object that the function which
// drops returns names.
func withPast(limit int, raw []byte, p Past, drops func(raw []byte, object span) func(key []byte) bool) []byte {
	object, err := locate(raw)
	if err != nil {
		return nil
	}
	raw, object = spread(raw, object)
	added := p.property()
	if object.end-object.start+len(added) >= limit {
		return nil
	}
	drop := drops(raw, object)
	return rewrite(raw, object, added, func(key []byte) bool { return string(key) == past || drop(key) })
}

// property is the property gordon.
func (p Past) property() []byte {
	out := strconv.AppendInt([]byte(`"`+past+`":{"attempts":`), int64(p.Attempts), 10)
	if p.TaskID != "" {
		out = appendProperty(append(out, ','), "task_id", p.TaskID)
	}
	if p.Crashes > 0 {
		out = strconv.AppendInt(append(out, `,"crashes":`...), int64(p.Crashes), 10)
		out = strconv.AppendInt(append(out, `,"crashed_since":`...), p.CrashedSince, 10)
	}
	return append(out, '}')
}
