package output

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"time"
	"unicode/utf8"
)

// DefaultErrorScriptTimeout bounds one run of the error_script.
const DefaultErrorScriptTimeout = 60 * time.Second

// maxLoggedOutput bounds what the log quotes of the error_script's output, in
// bytes.
const maxLoggedOutput = 4 << 10

// Exec runs script with one argument and returns its combined output. It must
// end the script, and return, when ctx is done.
type Exec func(ctx context.Context, script, arg string) (output []byte, err error)

// ErrorScript tells people about a failed task by running a script of theirs.
type ErrorScript struct {
	Script  string // path; "" means none
	TempDir *TempDir
	Exec    Exec
	Log     *slog.Logger
	Timeout time.Duration // 0 means DefaultErrorScriptTimeout
}

// Notify runs the script with the path of a file that describes the failure,
// and returns when it has ended and the file is gone. What goes wrong on the
// way is logged: a failing error_script must not become a failure of its own.
// A script that hangs is ended after Timeout, since a worker waits here.
func (e *ErrorScript) Notify(ctx context.Context, taskType string, payload []byte, reason string) {
	if e.Script == "" {
		return
	}
	log := e.Log.With(KeyMessageID, MsgErrorScript, KeyTaskType, taskType, "script", e.Script)
	path, err := e.TempDir.write(ctx, log, describe(taskType, payload, reason))
	if err != nil {
		log.Error("cannot write the error_script's file", KeyError, err)
		return
	}
	defer func() {
		if err := e.TempDir.remove(ctx, path); err != nil {
			log.Error("cannot remove the error_script's file", KeyError, err)
		}
	}()
	timeout := e.Timeout
	if timeout == 0 {
		timeout = DefaultErrorScriptTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not exit within %v", timeout))
	defer cancel()
	output, err := e.Exec(ctx, e.Script, path)
	switch {
	case err != nil && ctx.Err() != nil:
		log.Error("the error_script was stopped", KeyError, context.Cause(ctx), "output", excerpt(output))
	case err != nil:
		log.Error("the error_script failed", KeyError, err, "output", excerpt(output))
	case len(output) > 0:
		log.Error("the error_script wrote output", "output", excerpt(output))
	}
}

// commandLine matches the beginning of a line that a program which sends mail could
// take for a command: mail(1) of mailutils before 3.15 runs the rest of a line "~!" in
// a shell, wherever its input comes from, and for sendmail(8) without -i a lone dot is
// the end of the input.
var commandLine = regexp.MustCompile(`(?m)^(~|\.\r?$)`)

// describe returns the content of the file, in the words of Gordon 1.x. Both payload
// and reason may be anybody's, and the script may send them as mail: a line that could
// be a command is indented by one space.
func describe(taskType string, payload []byte, reason string) []byte {
	report := fmt.Appendf(nil, "Failed executing task for type \"%s\"\nPayload:\n%s\n\n%s\n", taskType, payload, reason)
	return commandLine.ReplaceAll(report, []byte(" $1"))
}

// excerpt keeps the end of the output, where scripts tend to say what is wrong.
func excerpt(output []byte) string {
	if len(output) <= maxLoggedOutput {
		return string(output)
	}
	tail := output[len(output)-maxLoggedOutput:]
	for i := 0; i < utf8.UTFMax && !utf8.RuneStart(tail[0]); i++ {
		tail = tail[1:]
	}
	return "…" + string(tail)
}
