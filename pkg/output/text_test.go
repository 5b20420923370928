package output

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// In the hour that occurs twice, only the offset distinguishes the lines.
func TestTextLineHasTheOffset(t *testing.T) {
	b := new(buffer)
	dest := &text{w: b}
	for _, offset := range []int{-4 * 3600, -5 * 3600} {
		at := time.Date(2026, 11, 1, 1, 30, 0, 0, time.FixedZone("", offset))
		if err := dest.write(record{time: at, message: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "2026-11-01 01:30:00.000-04:00 INFO  x\n2026-11-01 01:30:00.000-05:00 INFO  x\n"; b.String() != want {
		t.Errorf("got\n%s", b)
	}
}

func TestTextLine(t *testing.T) {
	b := new(buffer)
	dest := &text{w: b}
	at := time.Date(2026, 11, 23, 14, 3, 5, 123_999_999, time.UTC)
	for _, r := range []record{
		{time: at, level: slog.LevelInfo, message: "task done", attrs: []slog.Attr{slog.String(KeyTaskType, "mail")}},
		{time: at, level: slog.LevelError, message: "task failed"},
		{time: at, level: slog.LevelWarn + 1, message: "odd level"},
	} {
		if err := dest.write(r); err != nil {
			t.Fatal(err)
		}
	}
	want := "2026-11-23 14:03:05.123+00:00 INFO  task done type=mail\n" +
		"2026-11-23 14:03:05.123+00:00 ERROR task failed\n" +
		"2026-11-23 14:03:05.123+00:00 WARN+1 odd level\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b, want)
	}
}

func TestTextColoursOnlyTheLevel(t *testing.T) {
	b := new(buffer)
	dest := &text{w: b, colour: true}
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if err := dest.write(record{level: level, message: "m"}); err != nil {
			t.Fatal(err)
		}
	}
	want := "\x1b[2mDEBUG\x1b[0m m\nINFO  m\n\x1b[33mWARN \x1b[0m m\n\x1b[31mERROR\x1b[0m m\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b, want)
	}
}

// terminal returns the slave side of a new pseudo-terminal; see pty(7).
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(slave.Close(), master.Close()); err != nil {
			t.Error(err)
		}
	})
	return slave
}

func TestColourOnlyOnATerminalWithoutNO_COLOR(t *testing.T) {
	noColour := func(name string) string {
		if name == "NO_COLOR" {
			return "1"
		}
		return ""
	}
	_, w := pipe(t)
	tests := []struct {
		name   string
		file   *os.File
		getenv func(string) string
		want   bool
	}{
		{"terminal", terminal(t), noEnv, true},
		{"terminal with NO_COLOR", terminal(t), noColour, false},
		{"pipe", w, noEnv, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dest, err := newText(tt.file, tt.getenv)
			if err != nil {
				t.Fatal(err)
			}
			if dest.colour != tt.want {
				t.Errorf("colour = %v, want %v", dest.colour, tt.want)
			}
			if err := dest.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// fullDisk takes room bytes more and then fails, as write(2) does when a file
// system fills up.
type fullDisk struct {
	bytes.Buffer
	room int
}

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func (*fullDisk) Close() error { return nil }

func TestTornLineIsEnded(t *testing.T) {
	disk := &fullDisk{room: 10}
	dest := &text{w: disk}
	for range 2 {
		if err := dest.write(record{message: "a message"}); !errors.Is(err, errFull) {
			t.Fatalf("write to a full disk: %v", err)
		}
	}
	disk.room = 1 << 20
	for range 2 {
		if err := dest.write(record{message: "again"}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "INFO  a me\nINFO  again\nINFO  again\n"; disk.String() != want {
		t.Errorf("got %q, want %q", disk.String(), want)
	}
}

func TestTextKeepsNoHugeBuffer(t *testing.T) {
	dest := &text{w: new(buffer)}
	if err := dest.write(record{message: strings.Repeat("x", 1<<20)}); err != nil {
		t.Fatal(err)
	}
	if cap(dest.buf) > maxKeptBuffer {
		t.Errorf("%d bytes kept", cap(dest.buf))
	}
}
