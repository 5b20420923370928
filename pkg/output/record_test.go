package output

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestRecordText(t *testing.T) {
	tests := []struct {
		name    string
		message string
		attrs   []slog.Attr
		want    string
	}{
		{"message only", "daemon started", nil, "daemon started"},
		{
			"the fields of a task", "task done",
			[]slog.Attr{
				slog.String(KeyMessageID, MsgTaskFailed), slog.String(KeyTaskType, "mail"), slog.String(KeyTaskID, "a1"),
				slog.Int(KeyExitStatus, 3), slog.Duration(KeyDuration, 1234567890),
			},
			"task done type=mail id=a1 exit_status=3 duration=1.235s",
		},
		{"short durations keep µs", "m", []slog.Attr{slog.Duration("d", 1234567)}, "m d=1.235ms"},
		{"quoted values", "m", []slog.Attr{slog.String("a", "two words"), slog.String("b", `say "x"`), slog.String("c", "k=v"), slog.String("d", "")}, `m a="two words" b="say \"x\"" c="k=v" d=""`},
		{"unicode stays", "größer ☃", []slog.Attr{slog.String("a", "ü")}, "größer ☃ a=ü"},
		{"line breaks in values", "m", []slog.Attr{slog.String("a", "x\ny")}, `m a="x\ny"`},
		{"line breaks in the message", "a\n2026-11-23 14:03:05.123 ERROR forged\r", nil, `a\n2026-11-23 14:03:05.123 ERROR forged\r`},
		{"line breaks in keys", "m", []slog.Attr{slog.Int("a\nb", 1)}, `m a\nb=1`},
		{"terminal sequences", "\x1b[2J\u009b", []slog.Attr{slog.String("a", "\x1b]0;x\a")}, `\x1b[2J\u009b a="\x1b]0;x\a"`},
		{"separators of Unicode", "a\u2028b\u202ec", nil, `a\u2028b\u202ec`},
		{"invalid UTF-8", "a\xffb\ufffd", []slog.Attr{slog.String("a", "\xfe")}, `a\xffb` + "\ufffd" + ` a="\xfe"`},
		{"errors", "m", []slog.Attr{slog.Any(KeyError, errors.New("no such file"))}, `m error="no such file"`},
		{"times", "m", []slog.Attr{slog.Time("at", time.Date(2026, 11, 23, 14, 3, 5, 0, time.UTC))}, "m at=2026-11-23T14:03:05Z"},
		{"other values", "m", []slog.Attr{slog.Any("a", []int{1, 2}), slog.Bool("b", true), slog.Any("c", nil)}, `m a="[1 2]" b=true c=<nil>`},
		{"groups", "m", []slog.Attr{slog.Group("g", slog.Int("a", 1), slog.Group("h", slog.Int("b", 2)))}, "m g.a=1 g.h.b=2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := record{message: tt.message}
			for _, a := range tt.attrs {
				r.add("", a)
			}
			got := string(r.appendText(nil))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func FuzzRecordTextIsOneLine(f *testing.F) {
	f.Add("message", "key", "value")
	f.Add("a\nb", "\r", "\x1b[0m\u2029\xff")
	f.Fuzz(func(t *testing.T, message, key, value string) {
		r := record{message: message, attrs: []slog.Attr{slog.String(key, value)}}
		text := string(r.appendText(nil))
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' }); i >= 0 {
			t.Errorf("control character at %d of %q", i, text)
		}
	})
}

func TestJournalField(t *testing.T) {
	tests := map[string]string{
		KeyTaskType:             "GORDON_TASK_TYPE",
		KeyTaskID:               "GORDON_TASK_ID",
		KeyOutcome:              "GORDON_OUTCOME",
		KeyExitStatus:           "GORDON_EXIT_STATUS",
		"group.key-2":           "GORDON_GROUP_KEY_2",
		"ä\nb=c":                "GORDON___B_C",
		strings.Repeat("x", 99): "GORDON_" + strings.Repeat("X", 57),
	}
	for key, want := range tests {
		if got := journalField(key); got != want {
			t.Errorf("journalField(%q) = %q, want %q", key, got, want)
		}
	}
}

// A MESSAGE_ID is 128 bits in lower-case hex, and no two kinds share one.
func TestMessageIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range []string{
		MsgStarted, MsgStopping, MsgReloaded, MsgReloadRefused, MsgTaskFailed, MsgTaskNotStarted,
		MsgEntryUnreadable, MsgRecovered, MsgRedisLost, MsgRedisBack, MsgErrorScript,
	} {
		if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Errorf("%q is no message id", id)
		}
		if seen[id] {
			t.Errorf("%q is used twice", id)
		}
		seen[id] = true
	}
}
