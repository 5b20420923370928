package entry

import (
	"strconv"
	"time"
)

// Crashed returns the past of an entry whose daemon died at the time now while it ran the
// entry. A count that began longer ago than window begins anew.
func (p Past) Crashed(now time.Time, window time.Duration) Past {
	if since := now.Sub(time.Unix(p.CrashedSince, 0)); p.Crashes == 0 || since >= window {
		p.Crashes, p.CrashedSince = 0, now.Unix()
	}
	p.Crashes++
	return p
}

// PastOf decodes the past of an entry and nothing else: the entry may have killed a
// daemon, so its content must cost no memory here. The error, a *DecodeError, is for an
// unreadable entry and for a past that Gordon did not write.
//
// A failed record has no past. If a person has pushed it back, a later note comes after
// its error_message.
func PastOf(raw []byte) (p Past, err error) {
	object, err := locate(raw)
	if err != nil || raw[object.start] == 'n' {
		return Past{}, err
	}
	for m := range members(raw[:object.end], object.start) {
		switch string(name(m.key.of(raw))) {
		case noteProperty:
			if err := p.decode(raw, m.value); err != nil {
				return Past{}, err
			}
		case errorMessage:
			p = Past{}
		}
	}
	return p, nil
}

// WithPast returns an entry with another past, and otherwise unchanged. It returns nil if
// the result could be longer than limit bytes, and for an unreadable entry.
func WithPast(limit int, raw []byte, p Past) []byte {
	return withPast(limit, raw, p, func(_ []byte, _ bool) bool { return false })
}

// withPast is WithPast without the properties for which drop returns true. isRecord
// reports whether the entry is a failed record that somebody has pushed back.
func withPast(limit int, raw []byte, p Past, drop func(key []byte, isRecord bool) bool) []byte {
	object, err := locate(raw)
	if err != nil {
		return nil
	}
	raw, object = asObject(raw, object)
	added := p.property()
	if object.end-object.start+len(added) >= limit {
		return nil
	}
	isRecord, _ := recordOf(raw, object)
	return rewrite(raw, object, added, func(key []byte) bool { return string(key) == noteProperty || drop(key, isRecord) })
}

// property is the property [noteProperty].
func (p Past) property() []byte {
	out := strconv.AppendInt([]byte(`"`+noteProperty+`":{"attempts":`), int64(p.Attempts), 10)
	if p.TaskID != "" {
		out = appendProperty(append(out, ','), "task_id", p.TaskID)
	}
	if p.Crashes > 0 {
		out = strconv.AppendInt(append(out, `,"crashes":`...), int64(p.Crashes), 10)
		out = strconv.AppendInt(append(out, `,"crashed_since":`...), p.CrashedSince, 10)
	}
	return append(out, '}')
}
