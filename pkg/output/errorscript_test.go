package output

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// run is one call of a fake script.
type run struct {
	script, path, content string
	mode                  os.FileMode
}

// notifier returns an ErrorScript whose Exec reads the file and then calls then, the log,
// and the calls.
func notifier(t *testing.T, then func(ctx context.Context) ([]byte, error)) (*ErrorScript, *buffer, *[]run) {
	t.Helper()
	s, b := newTestSink()
	var runs []run
	return &ErrorScript{
		Script:  "/opt/notify",
		TempDir: NewTempDir(t.TempDir()),
		Log:     s.Logger(),
		Exec: func(ctx context.Context, script, arg string) ([]byte, error) {
			info, err := os.Stat(arg)
			if err != nil {
				t.Error(err)
				return nil, err
			}
			runs = append(runs, run{script, arg, readFile(t, arg), info.Mode()})
			return then(ctx)
		},
	}, b, &runs
}

func silent(context.Context) ([]byte, error) { return nil, nil }

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The file has the text, the name and the folder of 1.6.5, and is removed afterwards.
func TestCompatErrorScriptFile(t *testing.T) {
	e, log, runs := notifier(t, silent)
	e.Notify(t.Context(), `we "ird`, []byte(`{"args":["<a>"]}`), "exit status 3")
	if len(*runs) != 1 {
		t.Fatalf("%d runs", len(*runs))
	}
	r := (*runs)[0]
	want := "Failed executing task for type \"we \"ird\"\nPayload:\n{\"args\":[\"<a>\"]}\n\nexit status 3\n"
	if r.content != want {
		t.Errorf("the file held %q, want %q", r.content, want)
	}
	if r.script != "/opt/notify" || filepath.Dir(r.path) != e.TempDir.path || !strings.HasPrefix(filepath.Base(r.path), "gordon") {
		t.Errorf("ran %s %s", r.script, r.path)
	}
	if r.mode != 0o600 {
		t.Errorf("mode %v, want 0600", r.mode)
	}
	if log.Len() > 0 {
		t.Errorf("logged %q", log)
	}
	checkEmpty(t, e.TempDir.path)
}

// No line of the file is a command for a program that sends it as mail, whoever wrote
// the entry, and whatever the script printed.
func TestErrorScriptFileHoldsNoCommands(t *testing.T) {
	e, _, runs := notifier(t, silent)
	e.Notify(t.Context(), "T", []byte("~! touch /tmp/a\r\n~~\n.\n.\r\n./a: ~b\n~"), "exit status 3\n~| sh\n..\n.")
	want := "Failed executing task for type \"T\"\nPayload:\n ~! touch /tmp/a\r\n ~~\n .\n .\r\n./a: ~b\n ~\n\nexit status 3\n ~| sh\n..\n .\n"
	if got := (*runs)[0].content; got != want {
		t.Errorf("the file held %q, want %q", got, want)
	}
}

func TestNoErrorScript(t *testing.T) {
	e, log, runs := notifier(t, silent)
	e.Script = ""
	e.Notify(t.Context(), "T", nil, "m")
	if len(*runs) > 0 || log.Len() > 0 {
		t.Errorf("%d runs, logged %q", len(*runs), log)
	}
}

func TestErrorScriptFaultsAreLogged(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		then    func(context.Context) ([]byte, error)
		want    []string
	}{
		{
			"failure", time.Minute, func(context.Context) ([]byte, error) { return []byte("why"), errors.New("exit status 9") },
			[]string{"ERROR the error_script failed", "type=T", "script=/opt/notify", `error="exit status 9"`, "output=why"},
		},
		{
			"output", time.Minute, func(context.Context) ([]byte, error) { return []byte("hello\n"), nil },
			[]string{"ERROR the error_script wrote output", `output="hello\n"`},
		},
		{
			"time-out", 20 * time.Millisecond, func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
			[]string{"ERROR the error_script was killed", `error="it did not exit within 20ms"`},
		},
		{
			"long output", time.Minute, func(context.Context) ([]byte, error) { return []byte(strings.Repeat("ä", 1<<20) + "end"), nil },
			[]string{"ERROR the error_script wrote output", "output=…ä", "äend"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, log, _ := notifier(t, tt.then)
			e.Timeout = tt.timeout
			e.Notify(t.Context(), "T", []byte("{}"), "m")
			for _, part := range tt.want {
				if !strings.Contains(log.String(), part) {
					t.Errorf("the log does not say %s: %.500s", part, log)
				}
			}
			if log.Len() > maxLoggedOutput+500 || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("the log got %d bytes: %.500s", log.Len(), log)
			}
			checkEmpty(t, e.TempDir.path)
		})
	}
}

func TestErrorScriptFileIsRemovedOnPanic(t *testing.T) {
	e, _, _ := notifier(t, func(context.Context) ([]byte, error) { panic("at the disco") })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		e.Notify(t.Context(), "T", nil, "m")
	}()
	checkEmpty(t, e.TempDir.path)
}

// A script may remove the file itself.
func TestErrorScriptThatRemovesItsFile(t *testing.T) {
	s, log := newTestSink()
	e := &ErrorScript{
		Script: "s", TempDir: NewTempDir(t.TempDir()), Log: s.Logger(),
		Exec: func(_ context.Context, _, path string) ([]byte, error) { return nil, os.Remove(path) },
	}
	e.Notify(t.Context(), "T", nil, "m")
	if log.Len() > 0 {
		t.Errorf("logged %q", log)
	}
}

// The journal knows these records by their MESSAGE_ID.
func TestErrorScriptMessageID(t *testing.T) {
	var got []sent
	dest := fakeJournald(&got)
	e := &ErrorScript{
		Script: "s", TempDir: NewTempDir(t.TempDir()), Log: slog.New(&handler{sink: &Sink{base: dest, dest: dest}}),
		Exec: func(context.Context, string, string) ([]byte, error) { return nil, errors.New("no") },
	}
	e.Notify(t.Context(), "T", nil, "m")
	if len(got) != 1 || got[0].Fields["MESSAGE_ID"] != MsgErrorScript || got[0].Fields["GORDON_TASK_TYPE"] != "T" {
		t.Errorf("sent %+v", got)
	}
}
