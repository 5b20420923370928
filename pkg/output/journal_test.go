package output

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// sent is a message that a fake journal.Send received.
type sent struct {
	Message  string
	Priority journal.Priority
	Fields   map[string]string
}

func fakeJournald(got *[]sent) *journald {
	return &journald{
		send: func(message string, priority journal.Priority, fields map[string]string) error {
			*got = append(*got, sent{message, priority, fields})
			return nil
		},
	}
}

func TestJournalFields(t *testing.T) {
	var got []sent
	dest := fakeJournald(&got)
	s := &Sink{base: dest, dest: dest}
	s.Logger().With(KeyTaskType, "mail").Error("task failed",
		KeyMessageID, MsgTaskFailed, KeyTaskID, "a1", KeyOutcome, "exited", KeyExitStatus, 3,
		KeyDuration, 1500*time.Millisecond, KeyError, errors.New("exit status 3\nout of paper"))
	want := []sent{{
		Message:  `task failed type=mail id=a1 outcome=exited exit_status=3 duration=1.5s error="exit status 3\nout of paper"`,
		Priority: journal.PriErr,
		Fields: map[string]string{
			"SYSLOG_IDENTIFIER":    "gordon",
			"MESSAGE_ID":           MsgTaskFailed,
			"GORDON_TASK_TYPE":     "mail",
			"GORDON_TASK_ID":       "a1",
			"GORDON_OUTCOME":       "exited",
			"GORDON_EXIT_STATUS":   "3",
			"GORDON_DURATION_USEC": "1500000",
			"GORDON_ERROR":         "exit status 3\nout of paper",
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJournalPriorities(t *testing.T) {
	tests := map[slog.Level]journal.Priority{
		slog.LevelDebug:     journal.PriDebug,
		slog.LevelInfo - 1:  journal.PriDebug,
		slog.LevelInfo:      journal.PriInfo,
		slog.LevelInfo + 2:  journal.PriNotice,
		slog.LevelWarn:      journal.PriWarning,
		slog.LevelError:     journal.PriErr,
		slog.LevelError + 4: journal.PriErr,
	}
	for level, want := range tests {
		if got := priority(level); got != want {
			t.Errorf("priority(%v) = %d, want %d", level, got, want)
		}
	}
}

func TestJournalErrorIsReturned(t *testing.T) {
	want := errors.New("no socket")
	dest := &journald{send: func(string, journal.Priority, map[string]string) error { return want }}
	if err := dest.write(record{}); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// stream returns the value of $JOURNAL_STREAM for f.
func stream(t *testing.T, f *os.File) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

func TestJournalStreamHasToMatch(t *testing.T) {
	_, out := pipe(t)
	_, errs := pipe(t)
	_, other := pipe(t)
	tests := []struct {
		name, stream string
		want         bool
	}{
		{"unset", "", false},
		{"standard error", stream(t, errs), true},
		{"standard output", stream(t, out), true},
		{"inherited, but both redirected", stream(t, other), false},
		{"other device", "1" + stream(t, errs), false},
		{"longer inode", stream(t, errs) + "0", false},
		{"nonsense", "yes", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			getenv := func(name string) string {
				if name == "JOURNAL_STREAM" {
					return tt.stream
				}
				return ""
			}
			s, err := Open(Options{Stdout: out, Stderr: errs, Getenv: getenv})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			if _, got := s.dest.(*bounded).destination.(*journald); got != tt.want {
				t.Errorf("logs to %s", s.name)
			}
		})
	}
}

func TestLogfileWinsOverTheJournal(t *testing.T) {
	_, out := pipe(t)
	path := t.TempDir() + "/gordon.log"
	s, err := Open(Options{Logfile: path, Stdout: out, Stderr: out, Getenv: func(string) string { return stream(t, out) }})
	if err != nil {
		t.Fatal(err)
	}
	s.Logger().Info("to the file")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := readFile(t, path); !strings.Contains(got, "to the file") {
		t.Errorf("the logfile holds %q", got)
	}
}
