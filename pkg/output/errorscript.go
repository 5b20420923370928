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

// maxLoggedOutput bounds the part of the error_script's output that is logged, in bytes.
const maxLoggedOutput = 4 << 10

// Exec runs script with one argument and returns its combined output. When ctx is done,
// it must kill the script and return.
type Exec func(ctx context.Context, script, arg string) (output []byte, err error)

// ErrorScript notifies people of a failed task by running their script.
type ErrorScript struct {
	Script  string // path; "" if there is none
	TempDir *TempDir
	Exec    Exec
	Log     *slog.Logger
	Timeout time.Duration // 0 means DefaultErrorScriptTimeout
}

// Notify runs the script with the path of a file that describes the failure, and
// returns when the script has exited and the file is removed. It logs all errors: a
// failing error_script must not cause another notification. It kills the script after
// Timeout, because a worker waits for it.
func (e *ErrorScript) Notify(ctx context.Context, taskType string, payload []byte, reason string) {
	if e.Script == "" {
		return
	}
	log := e.Log.With(KeyMessageID, MsgErrorScript, KeyTaskType, taskType, "script", e.Script)
	path, err := e.TempDir.write(ctx, log, describe(taskType, payload, reason))
	if err != nil {
		log.Error("failed to write the error_script's file", KeyError, err)
		return
	}
	defer func() {
		if err := e.TempDir.remove(ctx, path); err != nil {
			log.Error("failed to remove the error_script's file", KeyError, err)
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
		log.Error("the error_script was killed", KeyError, context.Cause(ctx), "output", excerpt(output))
	case err != nil:
		log.Error("the error_script failed", KeyError, err, "output", excerpt(output))
	case len(output) > 0:
		log.Error("the error_script wrote output", "output", excerpt(output))
	}
}

// commandLine matches the beginning of a line that a mail program could interpret as a
// command: mail(1) of mailutils before 3.15 runs the rest of a line "~!" in a shell, and
// for sendmail(8) without -i a single dot ends the input.
var commandLine = regexp.MustCompile(`(?m)^(~|\.\r?$)`)

// describe returns the content of the file, in the format of Gordon 1.x. Anybody may have
// written payload and reason, and the script may send them as mail: a line that could be
// a command is indented by one space.
func describe(taskType string, payload []byte, reason string) []byte {
	report := fmt.Appendf(nil, "Failed executing task for type \"%s\"\nPayload:\n%s\n\n%s\n", taskType, payload, reason)
	return commandLine.ReplaceAll(report, []byte(" $1"))
}

// excerpt returns the end of the output, because scripts usually print the reason last.
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
