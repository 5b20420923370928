package output

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExcerptIsBoundedAndKeepsBothEnds(t *testing.T) {
	long := "exit status 1\n" + strings.Repeat("ä", 5000) + "the end\n"
	got := Excerpt(long)
	if len(got) > maxLogged+100 || !strings.HasPrefix(got, "exit status 1\n") || !strings.HasSuffix(got, "the end") || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if got := Excerpt("short\n"); got != "short" {
		t.Errorf("%q", got)
	}
}
