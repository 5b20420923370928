package entry

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/duration"
)

// latest is the last moment that an entry can name, the end of the year 9999 in
// Unix seconds. It catches a producer that counts milliseconds.
const latest = 253402300799

const timeForm = `has to be Unix seconds, such as 1767225600.5, or a time with its zone, such as "2026-01-01T00:00:00Z"`

// number is a number as a string, as programs without types write it. Not a
// hexadecimal one, "inf" and the like, which strconv knows besides.
var number = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$`)

// numberOrText reads a number, or a string without the blanks around it, and reports
// whether it is a number or the text of one. form is what the value has to be.
func numberOrText(property string, raw []byte, value span, form string) (written string, isNumber bool, err error) {
	switch kind(raw[value.start]) {
	case kindNumber:
		return string(value.of(raw)), true, nil
	case kindString:
		text, err := text(raw, value)
		if err != nil {
			return "", false, surrogate(err, value, strconv.Quote(property))
		}
		written = strings.TrimSpace(text)
		return written, number.MatchString(written), nil
	}
	return "", false, wrong(property, raw, value, form)
}

func decodeTime(property string, raw []byte, value span) (time.Time, error) {
	written, isNumber, err := numberOrText(property, raw, value, timeForm)
	if err != nil {
		return time.Time{}, err
	}
	if !isNumber {
		t, form := parseTime(written)
		if form != "" {
			return time.Time{}, wrong(property, raw, value, form)
		}
		return t, nil
	}
	s, err := strconv.ParseFloat(written, 64)
	if err != nil || math.Abs(s) > latest {
		form := timeForm + ", up to the year 9999"
		if seconds := s / 1000; err == nil && math.Abs(seconds) <= latest {
			form += " (is it in milliseconds? That would be " + strconv.FormatFloat(seconds, 'f', -1, 64) + ")"
		}
		return time.Time{}, wrong(property, raw, value, form)
	}
	return time.UnixMilli(int64(math.Round(s * 1000))), nil
}

// moment is a time as RFC 3339 has it, and as programs write it that mean the same:
// with a space for the T, a zone without a colon (PHP's DATE_ISO8601, strftime's %z)
// or minutes (PostgreSQL), UTC by its name, without seconds (ISO 8601), or with a
// comma before their fraction.
var moment = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,20}))?)?` +
	`(?: ?(?:([Zz]|UTC|GMT)|([+-])([0-9]{2}):?([0-9]{2})?))?$`)

// parseTime reads a time with its zone. The second result is what the time has to be
// instead; "" means that it was read.
//
// Midnight as 24:00 is that of the next day, as in ISO 8601. A leap second, which
// Unix time has none of, is the second after it, as in POSIX.
func parseTime(written string) (time.Time, string) {
	m := moment.FindStringSubmatch(written)
	if m == nil {
		return time.Time{}, timeForm
	}
	day, err := time.Parse(time.DateOnly, m[1])
	if err != nil {
		return time.Time{}, "has to be a day that there is; " + timeForm
	}
	if m[6] == "" && m[7] == "" {
		return time.Time{}, `has to say its zone, such as "` + written + `Z" for UTC`
	}
	clock, second, offset := clockTime(m[2], m[3]), seconds(m[4], m[5]), clockTime(m[8], m[9])
	inRange := atoi(m[3]) <= 59 && atoi(m[4]) <= 60 && atoi(m[8]) <= 23 && atoi(m[9]) <= 59
	if !inRange || !inDay(clock, second) {
		return time.Time{}, "has to be a time of day that there is, from 00:00:00 to 24:00:00; " + timeForm
	}
	if m[7] == "-" {
		offset = -offset
	}
	t := day.Add(clock - offset)
	if second >= time.Minute && (t.Hour() != 23 || t.Minute() != 59) {
		return time.Time{}, "has to have seconds up to 59: leap seconds are at 23:59:60 UTC"
	}
	return t.Add(second), ""
}

// inDay reports whether a time of day is not after 24:00.
func inDay(clock, second time.Duration) bool {
	return clock < 24*time.Hour || clock == 24*time.Hour && second == 0
}

func clockTime(hours, minutes string) time.Duration {
	return time.Duration(60*atoi(hours)+atoi(minutes)) * time.Minute
}

func seconds(whole, fraction string) time.Duration {
	s, _ := strconv.ParseFloat("0"+whole+"."+fraction+"0", 64) // digits only
	return time.Duration(s * float64(time.Second))
}

// atoi is the number of a few digits, and 0 of none.
func atoi(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

const spanForm = `has to be seconds, such as 90 or 1.5, or a duration such as "1m30s" or "1d12h" (units ms, s, m, h and d)`

// longest is the longest time that a producer can ask for, 100 years.
const longest = 100 * 365 * 24 * time.Hour

// decodeSpan reads a duration. One under 0 is as good as 0.
func decodeSpan(property string, raw []byte, value span) (time.Duration, error) {
	written, isNumber, err := numberOrText(property, raw, value, spanForm)
	if err != nil {
		return 0, err
	}
	if !isNumber {
		d, err := duration.Parse(written)
		if err != nil || d > longest {
			return 0, wrong(property, raw, value, spanForm+", up to 100 years")
		}
		return max(d, 0), nil
	}
	s, err := strconv.ParseFloat(written, 64)
	if err != nil || s > longest.Seconds() {
		return 0, wrong(property, raw, value, spanForm+", up to 100 years")
	}
	return time.Duration(max(s, 0) * float64(time.Second)), nil
}
