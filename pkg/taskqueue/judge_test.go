package taskqueue

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/usage"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

func TestFailureSaysHowMuchOutputWasLeftOut(t *testing.T) {
	o := runner.Outcome{Kind: runner.Exited, ExitStatus: 1, Stdout: runner.Output{Tail: []byte("tail"), Total: 104}}
	if got := failure(o, config.FailOnAny); got != "exit status 1\n[100 bytes left out]\ntail" {
		t.Errorf("%q", got)
	}
}

// The error_message begins as ever, and says why on the same line.
func TestOutOfMemoryIsAnOutcome(t *testing.T) {
	v := verdict{process: runner.Outcome{
		Kind: runner.Signaled, Signal: unix.SIGKILL, Pressure: usage.Pressure{OOM: "used up memory_max = 64M"}, Stdout: runner.Output{Tail: []byte("so far"), Total: 6},
	}}
	v.judge(config.FailOnAny)
	if v.outcome != outcomeOutOfMemory || v.fault != "signal: killed (out of memory: used up memory_max = 64M)\nso far" {
		t.Errorf("%s: %q", v.outcome, v.fault)
	}
	if headline(v.outcome) != "task ran out of memory" {
		t.Error(headline(v.outcome))
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
