package runner

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// How many threads a Reserve has made when it is full: one for each CPU, and so many
// for system calls that block.
const (
	spareThreads = 40
	// fewestThreads is the same where the limit of processes is low: what the runtime
	// itself uses, and two starts at a time.
	fewestThreads = 8
	// ownThreads are those of the spare ones that others than starts and searches
	// may block: the log, the configuration, the watch for signals.
	ownThreads = 16
)

// Reserve has what a daemon needs to go on when no process or thread can be started
// any more: at the limit of its user ("ulimit -u") or of its control group (TasksMax=
// of its unit).
//
// A start that fails there is a nuisance. A thread that the Go runtime can't have ends
// the program: newosproc tries for 0.2 s, and throws. The runtime makes a thread (newm
// in runtime/proc.go) when a P has work and no idle M is left. That is so
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
// An M that has nothing to do is parked and used again, and never ended. Only a
// goroutine that ends while it is locked takes its M with it (mexit), as those do that
// take on a task's attributes. So all threads are made here, before they are needed: as
// many goroutines as that are locked at the same time. Starts and searches, which block
// most, are held to a number that the threads suffice for. Used-up threads are made
// anew while there is room for them and some more; without, tasks that need one wait.
//
// os.StartProcess and os/exec, which fork once more to look for pidfds, are not used.
//
// A nil Reserve keeps nothing.
type Reserve struct {
	room    *host.Room
	threads int           // as many as there are to be
	margin  int           // so much room is left to others
	places  chan struct{} // of starts and searches

	mu sync.Mutex // guards making threads
}

// NewReserve makes the threads. The error says that there is no room for them; the
// Reserve is usable all the same, and tries again. Close must be called on it.
func NewReserve() (*Reserve, error) {
	r := &Reserve{room: host.NewRoom()}
	limit := r.room.Limit()
	// A quarter, so that most of a low limit is for tasks.
	r.threads = min(runtime.NumCPU()+spareThreads, max(runtime.NumCPU()+fewestThreads, limit/4))
	r.margin = min(16, max(2, limit/8))
	r.places = make(chan struct{}, max(2, r.threads-runtime.NumCPU()-ownThreads))
	return r, r.Fill()
}

// Close gives up what is open. The threads stay with the runtime.
func (r *Reserve) Close() { r.room.Close() }

// Fill makes threads until there are as many as there are to be. The error, one that
// is Transient, says that there is no room.
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
	if err := r.free(missing, true); err != nil {
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

// idleAtMost bounds how many idle threads are in the way before new ones are made.
const idleAtMost = 1000

// threads is how many the Go runtime has.
func threads() int {
	sample := [1]metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample[:])
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0 // cannot be: the runtime has it since Go 1.26
	}
	return int(sample[0].Value.Uint64())
}

// free takes room for n more. The error says that there is none, with the margin.
func (r *Reserve) free(n int, fresh bool) error {
	free, by := r.room.Free(fresh)
	if free >= n+r.margin {
		r.room.Took(n)
		return nil
	}
	return &StartError{Doing: "start a process", Err: unix.EAGAIN, Hint: fmt.Sprintf("%s, and %d are kept free", by, r.margin)}
}

// enter waits until one more start or search may block a thread. leave has to follow.
func (r *Reserve) enter() {
	if r != nil {
		r.places <- struct{}{}
	}
}

func (r *Reserve) leave() {
	if r != nil {
		<-r.places
	}
}

// Ready is for those that are about to start a process with these attributes, or to
// try them out. The error says that there is no room for one more process, or for the
// thread that the attributes use up; it is Transient.
func (r *Reserve) Ready(a Attributes) error {
	if r == nil {
		return nil
	}
	if a.ofThread() {
		if err := r.Fill(); err != nil {
			return err
		}
	}
	return r.free(1, false)
}
