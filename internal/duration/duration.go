// Package duration reads durations as people write them, in the configuration and in
// entries alike.
package duration

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var (
	// days are those of a duration, which Go's notation does not have.
	days = regexp.MustCompile(`([0-9]+\.?[0-9]*|\.[0-9]+)d`)
	// whole is a duration with days or without.
	whole = regexp.MustCompile(`^[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)[a-zµμ]+)+)$`)
)

// Parse reads a duration as [time.ParseDuration] does, and days of 24 hours besides:
// "1d12h".
func Parse(text string) (time.Duration, error) {
	hours := days.ReplaceAllStringFunc(text, func(day string) string {
		n, err := strconv.ParseFloat(day[:len(day)-1], 64)
		if err != nil {
			return day
		}
		return strconv.FormatFloat(24*n, 'f', -1, 64) + "h"
	})
	d, err := time.ParseDuration(hours)
	if err != nil || !whole.MatchString(text) {
		return 0, fmt.Errorf("%.80q is not a duration such as \"1d12h\" or \"1m30s\"", text)
	}
	return d, nil
}
