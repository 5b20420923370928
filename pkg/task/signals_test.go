package task

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An old signal excuses nothing.
func TestASharedSignalHasAnEnd(t *testing.T) {
	s := NewSignals(time.Millisecond)
	s.times[unix.SIGHUP] = time.Now().Add(-signalEffect)
	if s.got(unix.SIGHUP) {
		t.Error("a reload long ago counts")
	}
	s.times[unix.SIGTERM] = time.Now().Add(-time.Hour)
	if !s.got(unix.SIGTERM) {
		t.Error("the stop that is under way does not count")
	}
}
