package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	durations "github.com/nevsnode/gordon/v2/internal/duration"
	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// kind checks a value of a file and converts it into the type of its field. The
// error names the allowed values.
type kind[T any] func(raw any) (T, error)

// wrongType returns the error for a value of another type.
func wrongType(form string, raw any) error {
	return errors.New(form + ", not " + tomlfile.Describe(raw))
}

// wrongValue returns the error for a string that is not allowed.
func wrongValue(form, s string) error {
	return errors.New(form + ", not " + tomlfile.Quote(s))
}

// text allows every string that a system call accepts.
func text(raw any) (string, error) {
	s, ok := raw.(string)
	switch {
	case !ok:
		return "", wrongType("must be a string in quotes", raw)
	case strings.ContainsRune(s, 0):
		return "", errors.New("must not contain a NUL character")
	}
	return s, nil
}

// noSpaces allows a string without spaces, as Redis requires for names. It may be
// empty.
func noSpaces(raw any) (string, error) {
	s, err := text(raw)
	if err == nil && strings.ContainsFunc(s, isSpaceOrControl) {
		err = errors.New("must not contain spaces or control characters")
	}
	return s, err
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// nonEmpty allows a string that is not empty.
func nonEmpty(raw any) (string, error) {
	s, err := text(raw)
	if err == nil && s == "" {
		err = errors.New("must not be empty")
	}
	return s, err
}

// oneOf allows the given strings.
func oneOf[T ~string](allowed ...T) kind[T] {
	quoted := make([]string, len(allowed))
	for i, a := range allowed {
		quoted[i] = strconv.Quote(string(a))
	}
	last := len(quoted) - 1
	form := "must be " + strings.Join(quoted[:last], ", ") + " or " + quoted[last]
	return func(raw any) (T, error) {
		s, ok := raw.(string)
		if !ok {
			return "", wrongType(form, raw)
		}
		for _, a := range allowed {
			if s == string(a) {
				return a, nil
			}
		}
		return "", wrongValue(form, s)
	}
}

// boolean allows true and false.
func boolean(raw any) (bool, error) {
	b, ok := raw.(bool)
	if !ok {
		return false, wrongType("must be true or false", raw)
	}
	return b, nil
}

// integer allows an integer. The error names the unit.
func integer[T int | int64](unit string) kind[T] {
	return func(raw any) (T, error) {
		n, ok := raw.(int64)
		if !ok {
			return 0, wrongType("must be a whole number of "+unit, raw)
		}
		return T(n), nil
	}
}

// atMost sets the maximum of an integer.
func atMost[T int | int64](limit T, k kind[T]) kind[T] {
	return func(raw any) (T, error) {
		n, err := k(raw)
		if err == nil && n > limit {
			err = fmt.Errorf("must be from 1 to %d, not %d", limit, n)
		}
		return n, err
	}
}

// within allows an integer from lowest to highest.
func within[T int | int64](lowest, highest T) kind[T] {
	form := fmt.Sprintf("must be a whole number from %d to %d", lowest, highest)
	return func(raw any) (T, error) {
		n, ok := raw.(int64)
		switch {
		case !ok:
			return 0, wrongType(form, raw)
		case n < int64(lowest) || n > int64(highest):
			return 0, fmt.Errorf("%s, not %d", form, n)
		}
		return T(n), nil
	}
}

// optional converts a value for a field that is nil if the key is not set.
func optional[T any](k kind[T]) kind[*T] {
	return func(raw any) (*T, error) {
		v, err := k(raw)
		return &v, err
	}
}

const numberFrom1 = "must be a number of 1 or more, such as 2.0"

// ratio allows a number. 1.x accepted numbers under 1 (legacy.go).
func ratio(raw any) (float64, error) {
	switch n := raw.(type) {
	case int64:
		return float64(n), nil
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return 0, errors.New(numberFrom1)
		}
		return n, nil
	}
	return 0, wrongType(numberFrom1, raw)
}

// factor allows a number of 1 or more.
func factor(raw any) (float64, error) {
	n, err := ratio(raw)
	if err == nil && n < 1 {
		err = fmt.Errorf("%s, not %v", numberFrom1, n)
	}
	return n, err
}

// fraction allows a number from 0 to 1.
func fraction(raw any) (float64, error) {
	const form = "must be a number from 0 to 1, such as 0.2"
	n, err := ratio(raw)
	switch _, isNumber := raw.(float64); {
	case err != nil && isNumber:
		return 0, errors.New(form)
	case err != nil:
		return 0, wrongType(form, raw)
	case n < 0 || n > 1:
		return 0, fmt.Errorf("%s, not %v", form, n)
	}
	return n, nil
}

// duration allows a duration with its unit, as [durations.Parse] reads it. A number
// without a unit is an error: some keys of 1.x are in seconds and some in
// milliseconds, and a reader cannot know which.
func duration(example string) kind[time.Duration] {
	return func(raw any) (time.Duration, error) {
		if n, ok := raw.(int64); ok && n >= 0 {
			return 0, fmt.Errorf(`must be a duration with its unit: write "%ds"`, n)
		}
		s, ok := raw.(string)
		if !ok {
			return 0, wrongType(fmt.Sprintf("must be a duration such as %q", example), raw)
		}
		d, err := durations.Parse(s)
		switch {
		case err != nil:
			return 0, wrongValue(fmt.Sprintf("must be a duration such as %q (units ms, s, m, h and d)", example), s)
		case d < 0:
			return 0, wrongValue(fmt.Sprintf("must be a duration of 0 or more such as %q", example), s)
		}
		return d, nil
	}
}
