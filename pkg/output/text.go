package output

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// timeLayout includes the offset from UTC: one hour in autumn occurs twice, and the times
// of the failed list are in UTC.
const timeLayout = "2006-01-02 15:04:05.000-07:00"

// text writes one line per record to a terminal, a pipe or a file. The sink
// serialises its calls.
type text struct {
	w      io.WriteCloser
	colour bool
	buf    []byte
	torn   bool // the last line is incomplete
}

func (t *text) write(r record) error {
	t.buf = t.buf[:0]
	if t.torn {
		// A full disk may store half a line. The next one must start on a new line.
		t.buf = append(t.buf, '\n')
	}
	if !r.time.IsZero() {
		t.buf = r.time.AppendFormat(t.buf, timeLayout)
		t.buf = append(t.buf, ' ')
	}
	t.buf = appendLevel(t.buf, r.level, t.colour)
	t.buf = append(t.buf, ' ')
	t.buf = r.appendText(t.buf)
	t.buf = append(t.buf, '\n')
	n, err := t.w.Write(t.buf)
	if n > 0 {
		t.torn = n < len(t.buf)
	}
	if cap(t.buf) > maxKeptBuffer {
		t.buf = nil
	}
	return err
}

// maxKeptBuffer bounds the buffer that is kept after one huge record.
const maxKeptBuffer = 64 << 10

func (t *text) close() error { return t.w.Close() }

// appendLevel pads the level to the width of ERROR, so that messages are aligned.
func appendLevel(b []byte, level slog.Level, colour bool) []byte {
	code := ""
	if colour {
		code = levelColour(level)
	}
	if code != "" {
		b = append(b, code...)
	}
	b = fmt.Appendf(b, "%-5s", level)
	if code != "" {
		b = append(b, "\x1b[0m"...)
	}
	return b
}

// levelColour returns the SGR sequence (ECMA-48) of a level: red, yellow, dim, or "".
func levelColour(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "\x1b[31m"
	case level >= slog.LevelWarn:
		return "\x1b[33m"
	case level < slog.LevelInfo:
		return "\x1b[2m"
	default:
		return ""
	}
}

// newText returns the handler for standard output.
func newText(f *os.File, getenv func(string) string) (*text, error) {
	w, err := duplicate(f)
	if err != nil {
		return nil, err
	}
	// https://no-color.org: set and not empty means no colour.
	colour := isTerminal(w) && getenv("NO_COLOR") == ""
	return &text{w: newNonBlocking(w), colour: colour}, nil
}

// duplicate returns another descriptor of the same open file. Go ends the whole
// process when it writes to a broken pipe through descriptor 1 or 2 (see
// os/signal); through any other it returns EPIPE.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicating the descriptor of %s: %w", f.Name(), err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
