package taskqueue

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// failure says why a task failed: "" when it went well. The first words are
// those of 1.6.5 (exit status 3, signal: killed, fork/exec …), or the output
// where the output is the fault.
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

// ansi are the sequences that colour a terminal or move its cursor (ECMA-48).
var ansi = regexp.MustCompile("\x1b\\[[0-9:;<=>?]*[ -/]*[@-~]")

// visible reports whether a person would see anything of the text.
func visible(text string) bool {
	return strings.ContainsFunc(ansi.ReplaceAllString(text, ""), func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}

// invisible is the fault of a task that failed by output that nobody sees, such as
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

// streams names those that have output and should not.
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

// printed is what is kept of both streams, standard output first.
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

// logged bounds what a failure puts into the log: all of it is in the failed
// list and in the file of the error_script.
const logged = 2 << 10

// excerpt is the beginning and the end of a text: a failure begins with its
// reason, and output ends with what went wrong.
func excerpt(text string) string {
	if len(text) <= logged {
		return strings.TrimRight(text, "\n")
	}
	head, tail := text[:logged/4], text[len(text)-logged*3/4:]
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s … [%d bytes] … %s", strings.ToValidUTF8(head, ""), len(text)-len(head)-len(tail), strings.ToValidUTF8(tail, ""))
	return strings.TrimRight(b.String(), "\n")
}
