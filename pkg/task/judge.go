package task

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// judge sets the verdict of a run whose process ended by itself.
func (r *Run) judge(on config.FailOnOutput) {
	v := &r.Verdict
	v.Fault = failure(v.Exit, on)
	switch {
	case v.Fault == "":
		v.Outcome = entry.OutcomeOK
	case v.Exit.Pressure.OOM != "":
		v.Outcome = entry.OutcomeOutOfMemory
	case v.Exit.Success():
		v.Outcome = entry.OutcomeOutput
		v.Reason = fmt.Sprintf("exit status 0, but it wrote to %s (fail_on_output = %q): ", streams(v.Exit, on), on)
	case v.Exit.Kind == runner.Signaled:
		v.Outcome = entry.OutcomeSignal
	default:
		v.Outcome = entry.OutcomeFailed
	}
}

// failure returns why a task failed, or "" if it succeeded. The first words are those of
// 1.6.5 (exit status 3, signal: killed, fork/exec …), or the output if the output is the
// fault.
func failure(o runner.Outcome, on config.FailOnOutput) string {
	output := printed(o)
	if reason := o.Reason(); reason != "" {
		if output == "" {
			return reason
		}
		return reason + "\n" + output
	}
	if !outputFails(o, on) {
		return ""
	}
	if on == config.FailOnStdout {
		output = stream(o.Stdout)
	}
	if !visible(output) {
		return invisible(output)
	}
	return output
}

// ansi matches the sequences that colour a terminal or move its cursor (ECMA-48).
var ansi = regexp.MustCompile("\x1b\\[[0-9:;<=>?]*[ -/]*[@-~]")

// visible reports whether a person would see anything of the text.
func visible(text string) bool {
	return strings.ContainsFunc(ansi.ReplaceAllString(text, ""), func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}

// invisible is the fault of a task that failed by output that nobody can see, such as
// the line break or the byte order mark at the end of a PHP file.
func invisible(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("printed %d bytes, none of them visible, beginning with: %q", len(text), text[:most])
	}
	if len(text) == 1 {
		return fmt.Sprintf("printed 1 byte: %q", text)
	}
	return fmt.Sprintf("printed %d bytes: %q", len(text), text)
}

// streams names the streams that have output and should have none.
func streams(o runner.Outcome, on config.FailOnOutput) string {
	switch {
	case o.Stderr.Total == 0 || on == config.FailOnStdout:
		return "standard output"
	case o.Stdout.Total == 0:
		return "standard error"
	default:
		return "standard output and standard error"
	}
}

func outputFails(o runner.Outcome, on config.FailOnOutput) bool {
	switch on {
	case config.FailOnNone:
		return false
	case config.FailOnStdout:
		return o.Stdout.Total > 0
	default:
		return o.Stdout.Total > 0 || o.Stderr.Total > 0
	}
}

// printed returns the kept part of both streams, standard output first.
func printed(o runner.Outcome) string {
	out, err := stream(o.Stdout), stream(o.Stderr)
	if out != "" && err != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	return out + err
}

func stream(o runner.Output) string {
	if o.Total <= int64(len(o.Tail)) {
		return string(o.Tail)
	}
	return fmt.Sprintf("[%d bytes left out]\n%s", o.Total-int64(len(o.Tail)), o.Tail)
}
