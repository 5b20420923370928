package privilege

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// onThrowawayThread calls f on a thread that ends afterwards.
func onThrowawayThread(f func()) {
	OnThread(func() bool {
		f()
		return false
	})
}

// OnThread calls f on a thread of its own. The thread ends afterwards unless f returns
// true, which means that f has restored all attributes of the thread.
func OnThread(f func() (clean bool)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// Not the main thread: it would be parked for good instead of ending, and
			// others see its attributes as those of this process.
			defer runtime.UnlockOSThread()
			OnThread(f)
			return
		}
		if f() {
			runtime.UnlockOSThread() // else the thread ends with the goroutine
		}
	}()
	<-done
}
