package output

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"
)

// journald writes to the journal with native fields, so that
// "journalctl GORDON_TASK_TYPE=mail" finds the messages of one type. See
// systemd.journal-fields(7) and https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
type journald struct {
	send func(message string, priority journal.Priority, fields map[string]string) error
}

func newJournald() *journald { return &journald{send: journal.Send} }

func (j *journald) write(r record) error {
	return j.send(string(r.appendText(nil)), priority(r.level), fields(r.attrs))
}

func (j *journald) close() error { return nil }

// fields returns all fields of a record except MESSAGE and PRIORITY.
func fields(attrs []slog.Attr) map[string]string {
	m := map[string]string{"SYSLOG_IDENTIFIER": "gordon"}
	for _, a := range attrs {
		name, value := field(a)
		m[name] = value
	}
	return m
}

// field returns an attribute as a field of the journal: a duration in µs, any other
// value as text with its line breaks.
func field(a slog.Attr) (name, value string) {
	if a.Key == KeyMessageID {
		return "MESSAGE_ID", valueText(a.Value)
	}
	if a.Value.Kind() == slog.KindDuration {
		usec := a.Value.Duration() / time.Microsecond
		return journalField(a.Key + "_usec"), strconv.FormatInt(int64(usec), 10)
	}
	return journalField(a.Key), valueText(a.Value)
}

// priority returns the level of syslog(3).
func priority(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level > slog.LevelInfo:
		return journal.PriNotice
	case level == slog.LevelInfo:
		return journal.PriInfo
	default:
		return journal.PriDebug
	}
}

// OnJournal reports whether a file of this process is a stream to the journal. The
// journal reads the priority from the beginning of each line; sd-daemon(3).
func OnJournal(f *os.File) bool { return onJournal(os.Getenv("JOURNAL_STREAM"), f) }

// onJournal reports whether stream (the value of $JOURNAL_STREAM) names one of the
// files. The variable alone is not enough: processes inherit it from a service even if
// their output goes elsewhere. See systemd.exec(5).
func onJournal(stream string, files ...*os.File) bool {
	if stream == "" {
		return false
	}
	for _, f := range files {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			continue
		}
		if fmt.Sprintf("%d:%d", st.Dev, st.Ino) == stream {
			return true
		}
	}
	return false
}
