package capacity

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/step"
)

// The number of threads of a full Reserve is one for each CPU, and these for system
// calls that block.
const (
	spareThreads = 40
	// fewestThreads replaces spareThreads if the limit of processes is low. It covers
	// the runtime itself and two starts at a time.
	fewestThreads = 8
	// ownThreads is the part of the spare threads that work other than starts and
	// searches may block: the log, the configuration, the watch for signals.
	ownThreads = 16
)

// Reserve has the threads that a daemon needs to go on when no process or thread can be
// started any more: at the limit of its user ("ulimit -u") or of its control group
// (TasksMax= of its unit).
//
// A start that fails there can be tried again. If the Go runtime cannot get a thread, it
// ends the program: newosproc tries for 0.2 s, and throws. The runtime makes a thread
// (newm in runtime/proc.go) when a P has work and no idle M is left. That happens
//
//   - after a system call has blocked for more than 20 µs to 10 ms: sysmon takes the P
//     away from its M and hands it to another one (retake, handoffp). clone(2) with
//     CLONE_VFORK blocks until the child's execve; so do reads of files and of /proc,
//     and any call of a thread that does not get its CPU.
//   - when a goroutine that is locked to its M is put aside: the M waits with it
//     (stoplockedm, handoffp), and so do those of LockOSThread in package os/signal.
//   - when a goroutine becomes runnable or the world starts again after a garbage
//     collection, and a P is idle (wakep, startTheWorldWithSema). The workers of the
//     collector are goroutines and need no M beyond one for each P.
//   - once for sysmon, and once for the template thread, with the first LockOSThread.
//
// An idle M is parked and used again, and never ended. Only a goroutine that ends while
// it is locked takes its M with it (mexit). Goroutines that take on a task's attributes
// do so. Therefore Reserve makes all threads before they are needed, with as many
// goroutines that are locked at the same time. Starts and searches, which block
// most, are limited to a number for which the threads suffice. Used-up threads are made
// anew while there is room for them and some more. Without room, tasks that need a thread
// wait.
//
// os.StartProcess and os/exec are not used, because they fork once more to look for
// pidfds.
//
// A nil Reserve keeps nothing and limits nothing.
type Reserve struct {
	room    *Room
	threads int           // the number of threads when it is full
	margin  int           // room that is left to others
	places  chan struct{} // of starts and searches

	mu sync.Mutex // guards making threads
}

// NewReserve makes the threads. It returns an error if there is no room for them. The
// Reserve is usable all the same, and tries again. The caller must call Close.
func NewReserve() (*Reserve, error) {
	r := &Reserve{room: NewRoom()}
	limit := r.room.Limit()
	// A quarter, so that most of a low limit is for tasks.
	r.threads = min(runtime.NumCPU()+spareThreads, max(runtime.NumCPU()+fewestThreads, limit/4))
	r.margin = min(16, max(2, limit/8))
	r.places = make(chan struct{}, max(2, r.threads-runtime.NumCPU()-ownThreads))
	return r, r.Fill()
}

// Close closes the Room. The threads stay with the runtime.
func (r *Reserve) Close() { r.room.Close() }

// Fill makes the missing threads. Its error wraps EAGAIN and means that there is no room.
func (r *Reserve) Fill() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := r.threads - threads()
	if missing <= 0 {
		return nil
	}
	if err := r.take(missing, true); err != nil {
		return err
	}
	var all, locked sync.WaitGroup
	release := make(chan struct{})
	for range missing + idleAtMost {
		if threads() >= r.threads {
			break
		}
		locked.Add(1)
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			locked.Done()
			<-release
		})
		locked.Wait()
	}
	close(release)
	all.Wait()
	return nil
}

// idleAtMost limits how many idle threads Fill uses before it makes new ones.
const idleAtMost = 1000

// threads returns the number of threads of the Go runtime.
func threads() int {
	sample := [1]metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample[:])
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0 // impossible: the runtime has this metric since Go 1.26
	}
	return int(sample[0].Value.Uint64())
}

// take takes room for n more tasks and leaves the margin free. It returns an error if
// there is not enough.
func (r *Reserve) take(n int, fresh bool) error {
	free, by := r.room.Free(fresh)
	if free >= n+r.margin {
		r.room.Took(n)
		return nil
	}
	return &step.Error{Doing: "start a process", Err: unix.EAGAIN, Hint: fmt.Sprintf("%s; %d are reserved", by, r.margin)}
}

// Enter waits until one more start or search may block a thread. The caller must call
// Leave afterwards.
func (r *Reserve) Enter() {
	if r != nil {
		r.places <- struct{}{}
	}
}

// Leave ends a start or search.
func (r *Reserve) Leave() {
	if r != nil {
		<-r.places
	}
}

// Ready takes the room for one more process. With usesThread the start also uses up a
// thread, which Ready replaces first. The error wraps EAGAIN and means that there is no
// room.
func (r *Reserve) Ready(usesThread bool) error {
	if r == nil {
		return nil
	}
	if usesThread {
		if err := r.Fill(); err != nil {
			return err
		}
	}
	return r.take(1, false)
}
