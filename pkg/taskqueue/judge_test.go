package taskqueue

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

func TestFailureSaysHowMuchOutputWasLeftOut(t *testing.T) {
	o := runner.Outcome{Kind: runner.Exited, ExitStatus: 1, Stdout: runner.Output{Tail: []byte("tail"), Total: 104}}
	if got := failure(o, config.FailOnAny); got != "exit status 1\n[100 bytes left out]\ntail" {
		t.Errorf("%q", got)
	}
}

func TestExcerptIsBoundedAndKeepsBothEnds(t *testing.T) {
	long := "exit status 1\n" + strings.Repeat("ä", 5000) + "the end\n"
	got := excerpt(long)
	if len(got) > logged+100 || !strings.HasPrefix(got, "exit status 1\n") || !strings.HasSuffix(got, "the end") || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if got := excerpt("short\n"); got != "short" {
		t.Errorf("%q", got)
	}
}
