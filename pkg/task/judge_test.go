package task

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/usage"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
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
	r := Run{Verdict: Verdict{Exit: runner.Outcome{
		Kind: runner.Signaled, Signal: unix.SIGKILL, Pressure: usage.Pressure{OOM: "exceeded memory_max = 64M"}, Stdout: runner.Output{Tail: []byte("so far"), Total: 6},
	}}}
	r.judge(config.FailOnAny)
	if r.Verdict.Outcome != entry.OutcomeOutOfMemory || r.Verdict.Fault != "signal: killed (out of memory: exceeded memory_max = 64M)\nso far" {
		t.Errorf("%s: %q", r.Verdict.Outcome, r.Verdict.Fault)
	}
	if headline(r.Verdict.Outcome) != "task ran out of memory" {
		t.Error(headline(r.Verdict.Outcome))
	}
}

// The log says why a task failed that printed something; its record begins with what
// it printed, as in 1.6.5, unless nobody would see it.
func TestFailureByOutput(t *testing.T) {
	out := func(stdout, stderr string) runner.Outcome {
		o := runner.Outcome{Kind: runner.Exited}
		o.Stdout.Tail, o.Stdout.Total = []byte(stdout), int64(len(stdout))
		o.Stderr.Tail, o.Stderr.Total = []byte(stderr), int64(len(stderr))
		return o
	}
	for _, tt := range []struct {
		name        string
		o           runner.Outcome
		on          config.FailOnOutput
		record, log string
	}{
		{"text", out("notice\n", ""), config.FailOnAny, "notice\n", `exit status 0, but it wrote to standard output (fail_on_output = "any"): notice`},
		{"error", out("", "warning\n"), config.FailOnAny, "warning\n", `exit status 0, but it wrote to standard error (fail_on_output = "any"): warning`},
		{"both", out("a\n", "b\n"), config.FailOnAny, "a\nb\n", "exit status 0, but it wrote to standard output and standard error (fail_on_output = \"any\"): a\nb"},
		{"stdout alone counts", out("a\n", "b\n"), config.FailOnStdout, "a\n", `exit status 0, but it wrote to standard output (fail_on_output = "stdout"): a`},
		{"line break", out("\n", ""), config.FailOnAny, `printed 1 byte: "\n"`, `exit status 0, but it wrote to standard output (fail_on_output = "any"): printed 1 byte: "\n"`},
		{"byte order mark", out("\ufeff", ""), config.FailOnAny, `printed 3 bytes: "\ufeff"`, `standard output (fail_on_output = "any"): printed 3 bytes: "\ufeff"`},
		{"NUL", out("", "\x00"), config.FailOnAny, `printed 1 byte: "\x00"`, `printed 1 byte: "\x00"`},
		{"colour", out("\x1b[0m", ""), config.FailOnAny, `printed 4 bytes: "\x1b[0m"`, `printed 4 bytes: "\x1b[0m"`},
		{"blank", out(" \t\r\n\u00a0\u200b", ""), config.FailOnAny, `printed 9 bytes: " \t\r\n\u00a0\u200b"`, `printed 9 bytes`},
		{"much of it", out(strings.Repeat("\n", 1000), ""), config.FailOnAny, `printed 1000 bytes, none of them visible, beginning with: "` + strings.Repeat(`\n`, 80) + `"`, "none of them visible"},
		{"no UTF-8", out("\xe4", ""), config.FailOnAny, "\xe4", "): \xe4"},
		{"coloured text", out("\x1b[31mred\x1b[0m", ""), config.FailOnAny, "\x1b[31mred\x1b[0m", "red"},
	} {
		r := Run{Verdict: Verdict{Exit: tt.o}}
		r.judge(tt.on)
		if diff := cmp.Diff(tt.record, r.Verdict.Fault); diff != "" || r.Verdict.Outcome != entry.OutcomeOutput {
			t.Errorf("%s: %s, error_message %s", tt.name, r.Verdict.Outcome, diff)
		}
		if got := r.excerpt(); !strings.Contains(got, tt.log) {
			t.Errorf("%s: the log has %q, want %q in it", tt.name, got, tt.log)
		}
	}
}
