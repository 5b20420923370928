package output

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"
)

// record is one log record with its attributes resolved and flattened: groups
// have become prefixes ("group.key").
type record struct {
	time    time.Time
	level   slog.Level
	message string
	attrs   []slog.Attr
}

// add appends an attribute under prefix ("" or "group.").
func (r *record) add(prefix string, a slog.Attr) {
	a.Value = a.Value.Resolve()
	if a.Value.Kind() != slog.KindGroup {
		if a.Key != "" || a.Value.Any() != nil {
			a.Key = prefix + a.Key
			r.attrs = append(r.attrs, a)
		}
		return
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	for _, b := range a.Value.Group() {
		r.add(prefix, b)
	}
}

// appendText appends the message and its attributes as key=value, always on one line.
func (r *record) appendText(b []byte) []byte {
	b = appendPrintable(b, r.message)
	for _, a := range r.attrs {
		if a.Key == KeyMessageID {
			continue
		}
		b = append(b, ' ')
		b = appendPrintable(b, textKey(a.Key))
		b = append(b, '=')
		b = appendValue(b, valueText(a.Value))
	}
	return b
}

// valueText formats a value for people, and rounds durations.
func valueText(v slog.Value) string {
	switch v.Kind() {
	case slog.KindDuration:
		return roundDuration(v.Duration()).String()
	case slog.KindTime:
		return v.Time().Format(time.RFC3339Nano)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return err.Error()
		}
		return fmt.Sprintf("%+v", v.Any())
	default:
		return v.String()
	}
}

func roundDuration(d time.Duration) time.Duration {
	if d >= time.Second || d <= -time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

// appendValue appends a value, quoted unless it is a single word.
func appendValue(b []byte, s string) []byte {
	if s == "" {
		return append(b, '"', '"')
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == ' ' || r == '=' || r == '"' || !strconv.IsPrint(r) {
			return strconv.AppendQuote(b, s)
		}
		i += size
	}
	return append(b, s...)
}

// appendPrintable appends s with line breaks and all other unprintable runes escaped: text
// from an entry must not forge a line of the log or control the reader's terminal.
func appendPrintable(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != utf8.RuneError && strconv.IsPrint(r) || r == utf8.RuneError && size > 1 {
			b = append(b, s[i:i+size]...)
		} else {
			quoted := strconv.Quote(s[i : i+size])
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		i += size
	}
	return b
}
