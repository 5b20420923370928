package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/duration"
)

// kind turns a value as the TOML library gives it into one of ours. What it
// returns second says what is allowed; "" means that the value is good.
type kind[T any] func(raw any) (T, string)

// text allows any string that the system can be handed.
func text(raw any) (string, string) {
	s, ok := raw.(string)
	switch {
	case !ok:
		return "", "must be a string in quotes, not " + describe(raw)
	case strings.ContainsRune(s, 0):
		return "", "must not hold a NUL character"
	}
	return s, ""
}

// word allows a string without blanks, which Redis has no names with; it may be
// empty.
func word(raw any) (string, string) {
	s, wrong := text(raw)
	if wrong == "" && strings.ContainsFunc(s, isSpaceOrControl) {
		wrong = "must not hold spaces or control characters"
	}
	return s, wrong
}

// nonEmpty allows a string that is not empty.
func nonEmpty(raw any) (string, string) {
	s, wrong := text(raw)
	if wrong == "" && s == "" {
		wrong = "must not be empty"
	}
	return s, wrong
}

// oneOf allows the given strings.
func oneOf(allowed ...string) kind[string] {
	quoted := make([]string, len(allowed))
	for i, a := range allowed {
		quoted[i] = fmt.Sprintf("%q", a)
	}
	last := len(quoted) - 1
	list := strings.Join(quoted[:last], ", ") + " or " + quoted[last]
	return func(raw any) (string, string) {
		s, ok := raw.(string)
		if !ok {
			return "", "must be " + list + ", not " + describe(raw)
		}
		for _, a := range allowed {
			if s == a {
				return s, ""
			}
		}
		return "", fmt.Sprintf("must be %s, not %s", list, shown(s))
	}
}

// network allows the values of redis_network. 1.6.5 knew "udp", which Redis does
// not speak, and took an empty string for "tcp".
func network(raw any) (string, string) {
	if s, ok := raw.(string); ok && (s == "" || s == "udp") {
		return s, ""
	}
	return oneOf("tcp", "unix")(raw)
}

// toggle allows true and false.
func toggle(raw any) (bool, string) {
	b, ok := raw.(bool)
	if !ok {
		return false, "must be true or false, not " + describe(raw)
	}
	return b, ""
}

// whole allows a whole number; unit is named where it is not one.
func whole(unit string) kind[int64] {
	return func(raw any) (int64, string) {
		n, ok := raw.(int64)
		if !ok {
			return 0, "must be a whole number of " + unit + ", not " + describe(raw)
		}
		return n, ""
	}
}

// atMost narrows a whole number.
func atMost(limit int64, k kind[int64]) kind[int64] {
	return func(raw any) (int64, string) {
		n, wrong := k(raw)
		if wrong == "" && n > limit {
			wrong = fmt.Sprintf("must be from 1 to %d, not %d", limit, n)
		}
		return n, wrong
	}
}

// within allows a whole number from lowest to highest.
func within(lowest, highest int64) kind[int64] {
	form := fmt.Sprintf("must be a whole number from %d to %d, not ", lowest, highest)
	return func(raw any) (int64, string) {
		n, ok := raw.(int64)
		switch {
		case !ok:
			return 0, form + describe(raw)
		case n < lowest || n > highest:
			return 0, form + strconv.FormatInt(n, 10)
		}
		return n, ""
	}
}

// ratio allows a number; a whole one will do.
func ratio(raw any) (float64, string) {
	switch n := raw.(type) {
	case int64:
		return float64(n), ""
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return 0, "must be a number of 1 or more, such as 2.0"
		}
		return n, ""
	}
	return 0, "must be a number of 1 or more, such as 2.0, not " + describe(raw)
}

// span allows a duration that names its unit, as [duration.Parse] reads it. A bare number is
// refused: the old keys are in seconds or milliseconds, and a reader can't know.
func span(example string) kind[time.Duration] {
	return func(raw any) (time.Duration, string) {
		if n, ok := raw.(int64); ok && n >= 0 {
			return 0, fmt.Sprintf(`must be a duration with its unit: write "%ds"`, n)
		}
		s, ok := raw.(string)
		if !ok {
			return 0, fmt.Sprintf("must be a duration such as %q, not %s", example, describe(raw))
		}
		d, err := duration.Parse(s)
		switch {
		case err != nil:
			return 0, fmt.Sprintf("must be a duration such as %q (units ms, s, m, h and d), not %s", example, shown(s))
		case d < 0:
			return 0, fmt.Sprintf("must be a duration of 0 or more such as %q, not %s", example, shown(s))
		}
		return d, ""
	}
}

// shown quotes a value for a message, cut where it is long.
func shown(s string) string {
	const most = 80
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
}

// describe names a value's type in words of TOML.
func describe(raw any) string {
	switch raw.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a fraction"
	case bool:
		return "true or false"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	default:
		return "an array"
	}
}
