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

// Notifier sends state changes to the service manager. All methods do nothing if no
// service manager started the process ($NOTIFY_SOCKET is unset or empty). They return an
// error if they cannot write to the manager's socket. The daemon can only log it.
type Notifier struct {
	enabled bool
	timeout time.Duration // for one datagram

	mu     sync.Mutex // guards status, and keeps the datagrams in order
	status string     // the status that the manager shows
}

// sendTimeout bounds the wait for a manager that does not read while its queue is full.
const sendTimeout = time.Second

// NewNotifier returns a notifier for the manager's socket in $NOTIFY_SOCKET.
func NewNotifier() *Notifier {
	return &Notifier{enabled: os.Getenv("NOTIFY_SOCKET") != "", timeout: sendTimeout}
}

// Enabled reports whether there is a service manager.
func (n *Notifier) Enabled() bool { return n.enabled }

// Ready notifies the manager that the daemon is up, or that a reload is over, whether
// it succeeded or was refused (READY=1).
func (n *Notifier) Ready(status string) error {
	return n.send(daemon.SdNotifyReady, status)
}

// Status replaces the text that "systemctl status" shows (STATUS=). It sends nothing if
// the text has not changed.
func (n *Notifier) Status(status string) error {
	n.mu.Lock()
	same := n.status == oneLine(status)
	n.mu.Unlock()
	if same {
		return nil
	}
	return n.send("", status)
}

// Reloading notifies the manager that a reload has begun (RELOADING=1). The caller must
// call Ready at its end. The manager distinguishes reloads by the time of CLOCK_MONOTONIC
// in µs (MONOTONIC_USEC), which has to be in the same datagram.
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

// Stopping notifies the manager that the daemon stops (STOPPING=1). The manager starts
// TimeoutStopSec= then, so call it only if the stop is certain.
func (n *Notifier) Stopping(status string) error {
	return n.send(daemon.SdNotifyStopping, status)
}

// ExtendTimeout asks for d, from now, to complete a start, reload or stop
// (EXTEND_TIMEOUT_USEC). The caller must repeat it before d has passed.
func (n *Notifier) ExtendTimeout(d time.Duration) error {
	return n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()), "")
}

// Alive notifies the manager's watchdog that the daemon is alive (WATCHDOG=1).
func (n *Notifier) Alive() error {
	return n.send(daemon.SdNotifyWatchdog, "")
}

// send sends state and status in one datagram, without those that are empty.
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

// write sends one datagram, as sd_notify(3) does. The library's daemon.SdNotify would
// wait for ever for a manager that does not read.
func (n *Notifier) write(state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(n.timeout)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}

// oneLine removes line breaks, because they separate assignments in a datagram.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}
