// Package duration parses durations as people write them, in the configuration and in
// entries.
package duration

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var (
	// days matches the days of a duration, which Go does not know.
	days = regexp.MustCompile(`([0-9]+\.?[0-9]*|\.[0-9]+)d`)
	// format matches a duration with or without days.
	format = regexp.MustCompile(`^[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)[a-zµμ]+)+)$`)
)

// Parse parses a duration like [time.ParseDuration], and also days of 24 hours: "1d12h".
func Parse(text string) (time.Duration, error) {
	hours := days.ReplaceAllStringFunc(text, func(day string) string {
		n, err := strconv.ParseFloat(day[:len(day)-1], 64)
		if err != nil {
			return day
		}
		return strconv.FormatFloat(24*n, 'f', -1, 64) + "h"
	})
	d, err := time.ParseDuration(hours)
	if err != nil || !format.MatchString(text) {
		return 0, fmt.Errorf("%.80q is not a duration such as \"1d12h\" or \"1m30s\"", text)
	}
	return d, nil
}
