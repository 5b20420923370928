package output

import (
	"bufio"
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

// buffer is a destination's file in memory.
type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// newTestSink returns a sink that writes text to the buffer.
func newTestSink() (*Sink, *buffer) {
	b := new(buffer)
	dest := &text{w: b}
	return &Sink{base: dest, dest: dest, name: "the buffer", notes: &notes{new(buffer)}, now: time.Now}, b
}

// parse reads a line of text back; groups become maps.
func parse(t *testing.T, line string) map[string]any {
	t.Helper()
	m := map[string]any{}
	if at, err := time.Parse(timeLayout, line[:min(len(timeLayout), len(line))]); err == nil {
		m[slog.TimeKey] = at
		line = line[len(timeLayout)+1:]
	}
	words := strings.Fields(line)
	m[slog.LevelKey], m[slog.MessageKey] = words[0], words[1]
	for _, w := range words[2:] {
		key, value, found := strings.Cut(w, "=")
		if !found {
			t.Fatalf("%q is no attribute, in %q", w, line)
		}
		put(m, strings.Split(key, "."), value)
	}
	return m
}

func put(m map[string]any, path []string, value any) {
	for _, group := range path[:len(path)-1] {
		if m[group] == nil {
			m[group] = map[string]any{}
		}
		m = m[group].(map[string]any)
	}
	m[path[len(path)-1]] = value
}

// The handler keeps the contract of slog.Handler: With, groups, LogValuer, zero
// times, empty attributes.
func TestHandlerContract(t *testing.T) {
	var b *buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		var s *Sink
		s, b = newTestSink()
		return s.Logger().Handler()
	}, func(t *testing.T) map[string]any {
		scanner := bufio.NewScanner(&b.Buffer)
		scanner.Scan()
		return parse(t, scanner.Text())
	})
}

func TestHandlerLevels(t *testing.T) {
	s, b := newTestSink()
	log := s.Logger()
	log.Debug("hidden")
	s.level = slog.LevelDebug // as with Options.Verbose
	log.Debug("shown")
	s.level = slog.LevelInfo
	log.Debug("hidden-again")
	log.Info("informed")
	got := b.String()
	if strings.Contains(got, "hidden") || !strings.Contains(got, "DEBUG shown") || !strings.Contains(got, "INFO  informed") {
		t.Errorf("got %q", got)
	}
}

// Two loggers that share a parent must not write into each other's attributes.
func TestHandlerChildrenAreIndependent(t *testing.T) {
	s, b := newTestSink()
	parent := s.Logger().With("a", 1).With("b", 2).With("c", 3)
	first, second := parent.With("d", "first"), parent.With("d", "second")
	first.Info("m", "e", 1)
	second.Info("m", "e", 2)
	first.Info("m", "e", 3)
	var got []string
	for line := range strings.Lines(b.String()) {
		_, attrs, _ := strings.Cut(strings.TrimSpace(line), " m ")
		got = append(got, attrs)
	}
	want := "a=1 b=2 c=3 d=first e=1|a=1 b=2 c=3 d=second e=2|a=1 b=2 c=3 d=first e=3"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}
