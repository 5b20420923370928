package systemd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWatchdogInterval(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	tests := []struct {
		name, usec, pid string
		want            time.Duration
	}{
		{"off", "", "", 0},
		{"for this process", "30000000", pid, 30 * time.Second},
		{"for any process", "1500000", "", 1500 * time.Millisecond},
		{"for another process", "30000000", "1", 0},
		{"nonsense", "soon", pid, 0},
		{"negative", "-1", pid, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("WATCHDOG_USEC", tt.usec)
			t.Setenv("WATCHDOG_PID", tt.pid)
			if got := WatchdogInterval(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// recorder is a slog.Handler's output without times.
func recorder() (*slog.Logger, *bytes.Buffer) {
	b := new(bytes.Buffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})), b
}

// run runs the watchdog for d of fake time.
func run(t *testing.T, w *Watchdog, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestWatchdogAsksEveryQuarterAndGrantsHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := recorder()
		begin := time.Now()
		var asked []time.Duration
		run(t, &Watchdog{
			Interval: 20 * time.Second, Notifier: &Notifier{}, Log: log,
			Alive: func(ctx context.Context) error {
				deadline, ok := ctx.Deadline()
				if !ok || time.Until(deadline) > 10*time.Second {
					t.Errorf("asked with the deadline %v", deadline)
				}
				asked = append(asked, time.Since(begin))
				return nil
			},
		}, 18*time.Second)
		want := []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Error(diff)
		}
		if said.Len() > 0 {
			t.Errorf("logged %q", said)
		}
	})
}

// Alive may take up to half of the interval. The manager still gets a notification before
// three quarters of it.
func TestWatchdogIsFedInTimeByASlowDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := recorder()
		const interval = 20 * time.Second
		last := time.Now()
		slow := false
		run(t, &Watchdog{
			Interval: interval, Notifier: &Notifier{}, Log: log,
			Alive: func(context.Context) error {
				if slow = !slow; slow {
					time.Sleep(interval/2 - time.Millisecond)
				}
				if gap := time.Since(last); gap >= interval*3/4 {
					t.Errorf("%v without a sign of life", gap)
				}
				last = time.Now()
				return nil
			},
		}, 10*interval)
	})
}

func TestWatchdogSaysEachEpisodeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := recorder()
		begin := time.Now()
		run(t, &Watchdog{
			Interval: 4 * time.Second, Notifier: &Notifier{}, Log: log,
			Alive: func(context.Context) error {
				switch s := time.Since(begin) / time.Second; {
				case s >= 2 && s < 5:
					return errors.New("the fetcher of mail is stuck")
				case s >= 7 && s < 9:
					return errors.New("the lease is stuck")
				}
				return nil
			},
		}, 12*time.Second+time.Millisecond)
		want := []string{
			`level=ERROR msg="watchdog: the daemon makes no progress; systemd restarts it unless it recovers" error="the fetcher of mail is stuck"`,
			`level=WARN msg="watchdog: the daemon makes progress again" duration=3s`,
			`level=ERROR msg="watchdog: the daemon makes no progress; systemd restarts it unless it recovers" error="the lease is stuck"`,
			`level=WARN msg="watchdog: the daemon makes progress again" duration=2s`,
		}
		if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(said.String()), "\n")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWatchdogEndsDuringAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := recorder()
		begin := time.Now()
		run(t, &Watchdog{
			Interval: 20 * time.Second, Notifier: &Notifier{}, Log: log,
			Alive: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}, 3*time.Second)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("ended after %v", took)
		}
		if said.Len() > 0 {
			t.Errorf("the end of the daemon was logged as %q", said)
		}
	})
}

func TestWatchdogOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, &Watchdog{Alive: func(context.Context) error {
			t.Error("asked though the watchdog is off")
			return nil
		}}, time.Hour)
	})
}

// With a real socket, WATCHDOG=1 is sent only if Alive returns nil.
func TestWatchdogFeedsTheManager(t *testing.T) {
	m := listenPath(t)
	log, _ := recorder()
	ctx, cancel := context.WithCancel(t.Context())
	answers := make(chan error)
	done := make(chan error)
	w := &Watchdog{
		Interval: 20 * time.Millisecond, Notifier: NewNotifier(), Log: log,
		Alive: func(context.Context) error { return <-answers },
	}
	go func() { done <- w.Run(ctx) }()
	answers <- nil
	m.expect("WATCHDOG=1")
	stuck := errors.New("stuck")
	answers <- stuck
	answers <- stuck // the first answer has been acted on
	m.expectNone()
	answers <- nil
	m.expect("WATCHDOG=1")
	cancel()
	close(answers)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWatchdogLogsThatItCannotFeed(t *testing.T) {
	m := listenPath(t)
	n := NewNotifier()
	if err := m.conn.Close(); err != nil {
		t.Fatal(err)
	}
	log, said := recorder()
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	w := &Watchdog{Interval: 4 * time.Millisecond, Notifier: n, Log: log, Alive: func(context.Context) error {
		if asked++; asked == 2 {
			cancel()
		}
		return nil
	}}
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
	if !strings.Contains(said.String(), "notifying the watchdog failed") {
		t.Errorf("logged %q", said)
	}
}
