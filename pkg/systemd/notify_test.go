package systemd

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func check(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// The notifications of a whole life arrive in order.
func TestNotifier(t *testing.T) {
	addresses := map[string]string{
		"path":     t.TempDir() + "/notify",
		"abstract": fmt.Sprintf("@gordon-test-%d", os.Getpid()),
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			m := listen(t, address)
			n := NewNotifier()
			if !n.Enabled() {
				t.Error("the notifier does nothing")
			}
			check(t,
				n.Status("connecting to redis"),
				n.Ready("0 running"),
				n.Alive(),
				n.ExtendTimeout(1500*time.Millisecond),
				n.Stopping("stopping, 3 running"),
			)
			m.expect(
				"STATUS=connecting to redis",
				"READY=1\nSTATUS=0 running",
				"WATCHDOG=1",
				"EXTEND_TIMEOUT_USEC=1500000",
				"STOPPING=1\nSTATUS=stopping, 3 running",
			)
			m.expectNone()
		})
	}
}

func TestReadyWithoutStatus(t *testing.T) {
	m := listenPath(t)
	n := NewNotifier()
	check(t, n.Ready(""), n.Status(""), n.Stopping(""))
	m.expect("READY=1", "STOPPING=1")
	m.expectNone()
}

// The manager compares MONOTONIC_USEC with its own clock, and reads it only in the
// datagram of RELOADING=1.
func TestReloadingIsOneDatagram(t *testing.T) {
	m := listenPath(t)
	before := monotonic(t)
	check(t, NewNotifier().Reloading())
	after := monotonic(t)
	got, found := strings.CutPrefix(m.next(), "RELOADING=1\nMONOTONIC_USEC=")
	usec, err := strconv.ParseInt(got, 10, 64)
	if !found || err != nil || usec < before || usec > after {
		t.Errorf("got %q (%v), want a time from %d to %d", got, err, before, after)
	}
	m.expectNone()
}

// monotonic returns CLOCK_MONOTONIC in µs.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano() / 1000
}

func TestStatusIsSentWhenItChanges(t *testing.T) {
	m := listenPath(t)
	n := NewNotifier()
	check(t, n.Status("a"), n.Status("a"), n.Status("b"), n.Status("b"), n.Status("a"))
	m.expect("STATUS=a", "STATUS=b", "STATUS=a")
	check(t, n.Ready("c"), n.Status("c"), n.Alive(), n.Status("c"), n.Stopping("d"), n.Status("d"))
	m.expect("READY=1\nSTATUS=c", "WATCHDOG=1", "STOPPING=1\nSTATUS=d")
	m.expectNone()
}

// A line break would start another assignment, such as MAINPID=.
func TestStatusIsOneLine(t *testing.T) {
	m := listenPath(t)
	n := NewNotifier()
	check(t, n.Status("a\nMAINPID=1\r\n"), n.Status("a\nMAINPID=1"))
	m.expect("STATUS=a MAINPID=1")
	m.expectNone()
}

func TestNoManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := NewNotifier()
	if n.Enabled() {
		t.Error("enabled without a socket")
	}
	check(t, n.Ready("a"), n.Status("b"), n.Reloading(), n.Stopping("c"), n.ExtendTimeout(time.Second), n.Alive())
}

// A status that could not be sent is sent again.
func TestManagerGone(t *testing.T) {
	m := listenPath(t)
	n := NewNotifier()
	path := os.Getenv("NOTIFY_SOCKET")
	if err := errors.Join(m.conn.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{n.Ready("a"), n.Status("a"), n.Reloading(), n.Stopping("a"), n.ExtendTimeout(1), n.Alive()} {
		if err == nil {
			t.Error("no error though nobody listens")
		}
	}
	back := listen(t, path)
	check(t, n.Status("a"))
	back.expect("STATUS=a")
}

// A manager that no longer reads blocks nobody: a person who stops the daemon by hand must
// not wait for it.
func TestManagerThatReadsNothing(t *testing.T) {
	m := listenPath(t)
	n := NewNotifier()
	check(t, n.Ready(""))
	n.timeout = 10 * time.Millisecond
	full := make(chan error)
	go func() {
		var err error
		for err == nil {
			err = n.Alive()
		}
		full <- err
	}()
	select {
	case err := <-full:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the manager")
		check(t, m.conn.Close()) // lets it go on
		t.Log(<-full)
		return
	}
	m.expect("READY=1")
	n.timeout = time.Minute
	check(t, n.Status("again"))
}

func TestConcurrentStatus(t *testing.T) {
	const senders, each = 4, 50
	m := listenPath(t)
	n := NewNotifier()
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			for j := range each {
				check(t, n.Status(fmt.Sprintf("%d.%d", i, j)))
			}
		})
	}
	seen := map[string]bool{}
	for range senders * each {
		seen[m.next()] = true
	}
	group.Wait()
	m.expectNone()
	for i := range senders {
		for j := range each {
			if want := fmt.Sprintf("STATUS=%d.%d", i, j); !seen[want] {
				t.Errorf("%s was not sent", want)
			}
		}
	}
}
