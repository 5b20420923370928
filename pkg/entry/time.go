package entry

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/duration"
)

// latest is the last time that an entry can have: the end of the year 9999, in Unix
// seconds. So a producer that counts milliseconds gets an error.
const latest = 253402300799

const timeForm = `must be Unix seconds, such as 1767225600.5, or a time with its zone, such as "2026-01-01T00:00:00Z"`

// number matches a number in a string, as programs without types write it. Unlike strconv,
// it does not accept hexadecimal numbers, "inf" and the like.
var number = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$`)

// numberOrText returns a number as it is written, or a string without the spaces around
// it, and reports whether it is a number. form is the form that the value must have.
func numberOrText(property string, raw []byte, value span, form string) (written string, isNumber bool, err error) {
	switch kind(raw[value.start]) {
	case kindNumber:
		return string(value.of(raw)), true, nil
	case kindString:
		text, err := text(raw, value)
		if err != nil {
			return "", false, surrogateFault(err, value, strconv.Quote(property))
		}
		written = strings.TrimSpace(text)
		return written, number.MatchString(written), nil
	}
	return "", false, unexpected(property, raw, value, form)
}

func decodeTime(property string, raw []byte, value span) (time.Time, error) {
	written, isNumber, err := numberOrText(property, raw, value, timeForm)
	if err != nil {
		return time.Time{}, err
	}
	if !isNumber {
		t, form := parseTime(written)
		if form != "" {
			return time.Time{}, unexpected(property, raw, value, form)
		}
		return t, nil
	}
	s, err := strconv.ParseFloat(written, 64)
	if err != nil || math.Abs(s) > latest {
		form := timeForm + ", up to the year 9999"
		if seconds := s / 1000; err == nil && math.Abs(seconds) <= latest {
			form += " (is it in milliseconds? That would be " + strconv.FormatFloat(seconds, 'f', -1, 64) + ")"
		}
		return time.Time{}, unexpected(property, raw, value, form)
	}
	return time.UnixMilli(int64(math.Round(s * 1000))), nil
}

// moment matches a time of RFC 3339, and other forms that programs write: with a space
// for the T, a zone without a colon (PHP's DATE_ISO8601, strftime's %z) or without minutes
// (PostgreSQL), UTC by its name, without seconds (ISO 8601), or with a comma before the
// fraction.
var moment = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,20}))?)?` +
	`(?: ?(?:([Zz]|UTC|GMT)|([+-])([0-9]{2}):?([0-9]{2})?))?$`)

// parseTime parses a time with its zone. If that fails, the second result is the form that
// the time must have; otherwise it is "".
//
// As in ISO 8601, 24:00 is the midnight that begins the next day. As in POSIX, a leap
// second is the second after it, because Unix time has no leap seconds.
func parseTime(written string) (time.Time, string) {
	m := moment.FindStringSubmatch(written)
	if m == nil {
		return time.Time{}, timeForm
	}
	day, err := time.Parse(time.DateOnly, m[1])
	if err != nil {
		return time.Time{}, "must be an existing date; " + timeForm
	}
	if m[6] == "" && m[7] == "" {
		return time.Time{}, `must have a time zone, such as "` + written + `Z" for UTC`
	}
	clock, second, offset := clockTime(m[2], m[3]), seconds(m[4], m[5]), clockTime(m[8], m[9])
	inRange := atoi(m[3]) <= 59 && atoi(m[4]) <= 60 && atoi(m[8]) <= 23 && atoi(m[9]) <= 59
	if !inRange || !inDay(clock, second) {
		return time.Time{}, "must be a valid time of day from 00:00:00 to 24:00:00; " + timeForm
	}
	if m[7] == "-" {
		offset = -offset
	}
	t := day.Add(clock - offset)
	if second >= time.Minute && (t.Hour() != 23 || t.Minute() != 59) {
		return time.Time{}, "must have seconds up to 59: leap seconds are at 23:59:60 UTC"
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

// atoi returns the number that a few digits represent, or 0 if there are none.
func atoi(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

const durationForm = `must be seconds, such as 90 or 1.5, or a duration such as "1m30s" or "1d12h" (units ms, s, m, h and d)`

// longest is the longest duration that an entry can have, 100 years.
const longest = 100 * 365 * 24 * time.Hour

// decodeDuration decodes a duration. A negative one counts as 0.
func decodeDuration(property string, raw []byte, value span) (time.Duration, error) {
	written, isNumber, err := numberOrText(property, raw, value, durationForm)
	if err != nil {
		return 0, err
	}
	if !isNumber {
		d, err := duration.Parse(written)
		if err != nil || d > longest {
			return 0, unexpected(property, raw, value, durationForm+", up to 100 years")
		}
		return max(d, 0), nil
	}
	s, err := strconv.ParseFloat(written, 64)
	if err != nil || s > longest.Seconds() {
		return 0, unexpected(property, raw, value, durationForm+", up to 100 years")
	}
	return time.Duration(max(s, 0) * float64(time.Second)), nil
}
