package taskqueue

import (
	"bytes"
	"fmt"
	"strings"

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
		return stream(o.Stdout)
	}
	return output
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
