package tomlfile

import (
	"strings"
	"testing"
)

func TestHint_NoQuotesForADate(t *testing.T) {
	for _, line := range []string{"workers = 3 3", "a = true, false", "x = 2026-01-01 x", "[table", "= 5", "a = \"x\" y"} {
		if got := hint(line); strings.Contains(got, "2026") {
			t.Errorf("%q: %q", line, got)
		}
	}
}
