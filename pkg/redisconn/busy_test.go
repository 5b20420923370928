package redisconn

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// wantIdle fails the test if the work is over and still counts as busy.
func wantIdle(t *testing.T, after string, until time.Time) {
	t.Helper()
	if !until.IsZero() {
		t.Errorf("after %s it is busy for another %v", after, time.Until(until))
	}
}

// A BLMOVE may wait for as long as it was told, plus a time-out; other commands for a
// time-out. Another goroutine sees that while the command waits.
func TestBusyUntilTheTimeOutOfTheCommand(t *testing.T) {
	const timeout, block = 20 * time.Second, 100 * time.Second
	l := open(t, server.Socket, timeout)
	wantIdle(t, "making a link", l.BusyUntil())
	left := func() time.Duration { return time.Until(l.BusyUntil()) }
	use(t, l, func(c *Conn) error {
		_, err := c.Do("LLEN", "q:T")
		if d := left(); d <= 0 || d > timeout {
			t.Errorf("a command may take another %v", d)
		}
		return err
	})
	wantIdle(t, "a use", l.BusyUntil())

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		redistest.WaitBlocked(t, server, 1)
		// The server may have the command before the client begins to wait for the answer.
		for began := time.Now(); left() <= block && time.Since(began) < timeout; {
			time.Sleep(time.Millisecond)
		}
		if d := left(); d <= block || d > block+timeout {
			t.Errorf("a take of %v may take another %v", block, d)
		}
		if until := l.BusyUntil().String(); !strings.Contains(until, " m=") {
			t.Errorf("%s has no monotonic part", until)
		}
	}()
	use(t, l, func(c *Conn) error {
		_, err := c.DoBlocking(ctx, block, "BLMOVE", "q:T", "q:T:run:I:0", "LEFT", "RIGHT", block.Seconds())
		return err
	})
	wantIdle(t, "a take", l.BusyUntil())

	if err := l.Use(t.Context(), func(*Conn) error { return errors.New("something else") }); err == nil {
		t.Error("the error of the use is gone")
	}
	wantIdle(t, "a use that failed", l.BusyUntil())
}

// silent listens, accepts connections, and never answers.
func silent(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// Each step of a chain has its own time-out. The link is busy until the end of the current
// step, however many steps there are.
func TestBusyUntilTheEndOfAChain(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	for name, o := range map[string]Options{
		"one sentinel after the other": {Sentinel: Sentinel{Master: "m", Addresses: []string{silent(t), silent(t), silent(t)}}},
		"TLS without an answer":        {Network: "tcp", Address: silent(t), TLS: new(TLS)},
		"a server that is silent":      {Network: "tcp", Address: silent(t)},
	} {
		t.Run(name, func(t *testing.T) {
			o.DialTimeout, o.CommandTimeout = timeout, timeout
			l := NewClient(o).Link(false)
			done := make(chan error)
			go func() { done <- l.Use(t.Context(), nothing) }()
			var first, last time.Time
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case err := <-done:
					if err == nil {
						t.Fatal("a server that never answers was used")
					}
					wantIdle(t, err.Error(), l.BusyUntil())
					if first.IsZero() {
						t.Error("it has never been busy")
					}
					if steps := len(o.Sentinel.Addresses); steps > 1 && !first.Before(last) {
						t.Errorf("none of %d steps has extended the time", steps)
					}
					return
				case <-tick.C:
				}
				until := l.BusyUntil()
				if until.IsZero() {
					continue // not yet, or no longer
				}
				if late := time.Since(until); late > 10*timeout {
					t.Fatalf("it is still busy, %v after the time that it had named", late)
				}
				if first.IsZero() {
					first = until
				}
				last = until
			}
		})
	}
}
