package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Notifier sends state changes to the service manager. All methods do nothing
// when the process was not started by one ($NOTIFY_SOCKET is unset or empty).
// They return an error when the manager's socket can't be written to; the
// daemon can only log it and go on.
type Notifier struct {
	enabled  bool
	patience time.Duration // for one datagram

	mu     sync.Mutex // guards status, and keeps the datagrams in order
	status string     // what the manager shows now
}

// sendTimeout bounds the wait for a manager that reads nothing, and whose queue is
// full.
const sendTimeout = time.Second

// NewNotifier looks for the manager's socket in the environment.
func NewNotifier() *Notifier {
	return &Notifier{enabled: os.Getenv("NOTIFY_SOCKET") != "", patience: sendTimeout}
}

// Enabled reports whether a service manager listens.
func (n *Notifier) Enabled() bool { return n.enabled }

// Ready says that the daemon is up, or that a reload is over, whether it was
// carried out or refused (READY=1).
func (n *Notifier) Ready(status string) error {
	return n.send(daemon.SdNotifyReady, status)
}

// Status replaces the text that "systemctl status" shows (STATUS=). It sends
// nothing when the text is the one of before.
func (n *Notifier) Status(status string) error {
	n.mu.Lock()
	same := n.status == oneLine(status)
	n.mu.Unlock()
	if same {
		return nil
	}
	return n.send("", status)
}

// Reloading says that a reload has begun (RELOADING=1). Ready has to follow. The
// manager tells this reload from an older one by the time of CLOCK_MONOTONIC in
// µs (MONOTONIC_USEC), which has to be in the same datagram.
func (n *Notifier) Reloading() error {
	if !n.enabled {
		return nil
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return fmt.Errorf("reading CLOCK_MONOTONIC: %w", err)
	}
	usec := time.Duration(ts.Nano()).Microseconds()
	return n.send(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, usec), "")
}

// Stopping says that the daemon ends (STOPPING=1). The manager starts
// TimeoutStopSec= now, so it is only for a stop that is certain.
func (n *Notifier) Stopping(status string) error {
	return n.send(daemon.SdNotifyStopping, status)
}

// ExtendTimeout asks for d more, from now, to start, reload or stop
// (EXTEND_TIMEOUT_USEC). It has to be repeated before d is over.
func (n *Notifier) ExtendTimeout(d time.Duration) error {
	return n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()), "")
}

// Alive feeds the manager's watchdog (WATCHDOG=1).
func (n *Notifier) Alive() error {
	return n.send(daemon.SdNotifyWatchdog, "")
}

// send sends state and status, where they are not empty, in one datagram.
func (n *Notifier) send(state, status string) error {
	if !n.enabled {
		return nil
	}
	status = oneLine(status)
	var lines []string
	if state != "" {
		lines = append(lines, state)
	}
	if status != "" {
		lines = append(lines, "STATUS="+status)
	}
	if len(lines) == 0 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.write(strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	if status != "" {
		n.status = status
	}
	return nil
}

// write sends one datagram, in the way of sd_notify(3). The library's
// daemon.SdNotify would wait for ever for a manager that reads nothing.
func (n *Notifier) write(state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(n.patience)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}

// oneLine keeps a status from being read as further assignments, which a line
// break separates.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}
