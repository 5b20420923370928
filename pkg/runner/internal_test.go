package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/nevsnode/gordon/v2/internal/usage"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// begin starts a line of shell for tests of the unexported parts of Process.
func begin(t *testing.T, line string, args ...string) *Process {
	t.Helper()
	p, err := Start(Spec{Path: "/bin/sh", Args: append([]string{"-c", line, "sh"}, args...), Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// killGroup kills the processes that p has left behind.
func killGroup(p *Process) { _ = unix.Kill(-p.pid, unix.SIGKILL) }

// The tail is the end of all writes, whatever their sizes are.
func TestTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []byte
		var got tail
		sizes := rapid.SliceOfN(rapid.OneOf(
			rapid.IntRange(0, 100), rapid.IntRange(TailSize/3, TailSize), rapid.IntRange(TailSize-2, TailSize+2),
			rapid.IntRange(TailSize, 3*TailSize),
		), 0, 12).Draw(t, "sizes")
		for i, n := range sizes {
			piece := make([]byte, n)
			for j := range piece {
				piece[j] = byte(i*31 + j%251)
			}
			all = append(all, piece...)
			got.write(piece)
		}
		out := got.output()
		if out.Total != int64(len(all)) || !bytes.Equal(out.Tail, all[max(0, len(all)-TailSize):]) {
			t.Fatalf("%d written, total %d, tail %d", len(all), out.Total, len(out.Tail))
		}
		if cap(got.buf) > 2*TailSize {
			t.Fatalf("holds %d bytes", cap(got.buf))
		}
	})
}

// Without pidfds the leader's end is still noticed, with and without a process that holds
// the streams.
func TestWithoutPidfd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line      string
		status    int
		leftovers bool
	}{
		"alone":    {"sleep 0.1; echo x; exit 3", 3, false},
		"leftover": {"sleep 0.1; sleep 1000 & echo x; exit 4", 4, true},
		"closed":   {"echo x; exec >&- 2>&-; sleep 0.1; exit 5", 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := begin(t, tc.line)
			p.noPidfd = true
			defer killGroup(p)
			o := p.Wait()
			if o.ExitStatus != tc.status || o.Leftovers != tc.leftovers || string(o.Stdout.Tail) != "x\n" {
				t.Errorf("outcome is %+v", o)
			}
			if p.pidfd >= 0 {
				t.Error("there is a pidfd")
			}
		})
	}
}

// Wait also works if the network poller does not accept the descriptor.
func TestWithoutNetworkPoller(t *testing.T) {
	p := begin(t, "echo x; sleep 0.1; sleep 1000 & echo y; exit 3")
	defer killGroup(p)
	fd, err := unix.FcntlInt(uintptr(p.events.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.events.close()
	if err := unix.SetNonblock(fd, false); err != nil { // os.NewFile leaves such ones alone
		t.Fatal(err)
	}
	p.events = &events{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.events.conn, err = p.events.file.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	if err := p.events.file.SetReadDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Fatalf("the network poller has the descriptor: %v", err)
	}
	o := p.Wait()
	if o.ExitStatus != 3 || !o.Leftovers || string(o.Stdout.Tail) != "x\ny\n" {
		t.Errorf("outcome is %+v", o)
	}
}

// The output of the leader is read even if this process reads it long after restTimeout,
// because it was itself stopped or got no CPU.
func TestLateReading(t *testing.T) {
	p := begin(t, "sleep 1000 & head -c 60000 /dev/zero; head -c 50000 /dev/zero >&2")
	defer killGroup(p)
	for deadline := time.Now().Add(60 * time.Second); !p.leaderEnded(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the leader doesn't end")
		}
	}
	p.noteLeaderEnd()
	p.exitedAt = p.exitedAt.Add(-time.Hour)
	if o := p.Wait(); o.Stdout.Total != 60000 || o.Stderr.Total != 50000 || !o.Leftovers {
		t.Errorf("outcome has %d and %d bytes, leftovers %v", o.Stdout.Total, o.Stderr.Total, o.Leftovers)
	}
}

// A running task is data: another Process that is made from the fields of the first one
// finishes its work. A task will be handed to a new binary in this way.
func TestRunningTaskIsData(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "go on")
	p := begin(t, `echo a; while ! [ -e "$1" ]; do sleep 0.01; done; echo b; echo c >&2; exit 3`, flag)
	for deadline := time.Now().Add(60 * time.Second); p.stdout.tail.total < 2; {
		if time.Now().After(deadline) {
			t.Fatal("nothing printed")
		}
		p.events.wait(time.Now().Add(tick), p.turn)
	}
	p.events.close()

	q := newProcess(p.spec)
	q.pid, q.started, q.stdout, q.stderr = p.pid, p.started, p.stdout, p.stderr
	var err error
	if q.events, err = watch(q.stdout.fd, q.stderr.fd); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := q.Wait()
	if o.ExitStatus != 3 || string(o.Stdout.Tail) != "a\nb\n" || string(o.Stderr.Tail) != "c\n" {
		t.Errorf("outcome is %+v", o)
	}
	closeFD(&p.pidfd) // q has opened its own
}

// slowSearch is a group whose PIDs returns only after the leader has ended by itself. It
// delays the search of the tree.
type slowSearch struct {
	p     *Process
	begun func()
}

func (slowSearch) FD() int     { return -1 }
func (slowSearch) Kill() error { return nil }

func (slowSearch) Account(*usage.Usage) usage.Pressure { return usage.Pressure{} }

func (g slowSearch) PIDs() ([]int, error) {
	g.begun()
	g.p.awaitLeader()
	return nil, nil
}

// A leader that ends by itself while a Stop still searches for its tree has not been
// stopped: no signal has reached it, and its entry must not run again. Its left-over
// processes are treated as after any other end.
func TestLeaderEndsBeforeTheFirstSignal(t *testing.T) {
	for name, grace := range map[string]time.Duration{"SIGTERM": time.Hour, "SIGKILL": 0} {
		t.Run(name, func(t *testing.T) {
			flag := filepath.Join(t.TempDir(), "go on")
			p := begin(t, `sleep 1000 >&- 2>&- & while ! [ -e "$1" ]; do sleep 0.01; done; exit 0`, flag)
			defer killGroup(p)
			p.spec.Group = slowSearch{p, func() {
				if err := os.WriteFile(flag, nil, 0o600); err != nil {
					t.Error(err)
				}
			}}
			p.Stop(t.Context(), grace)
			p.spec.Group = nil
			if o := p.Wait(); p.Stopped() || !o.Success() || o.LeftBehind != 1 {
				t.Errorf("stopped %v, outcome %+v", p.Stopped(), o)
			}
		})
	}
}

// A tree that cannot be searched for lack of descriptors does not count as gone. It is
// ended when there are descriptors again.
func TestTreeIsEndedWithoutDescriptors(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	// Out of reach of the signals that need no descriptor.
	const line = `setsid sh -c 'trap "" TERM; echo $$ >"$0"; exec sleep 1000' "$1" >&- 2>&- &
		while ! [ -s "$1" ]; do sleep 0.01; done; `
	stop := func(grace time.Duration) func(p *Process) {
		return func(p *Process) { p.Stop(context.Background(), grace) }
	}
	for name, tc := range map[string]struct {
		line string
		end  func(p *Process)
	}{
		"stop":      {line + "sleep 1000", stop(50 * time.Millisecond)},
		"kill":      {line + "sleep 1000", stop(0)},
		"leftovers": {line + "exit 0", func(p *Process) { p.spec.KillLeftovers = true; p.Wait() }},
	} {
		for spare := range 3 {
			t.Run(fmt.Sprintf("%s %d", name, spare), func(t *testing.T) {
				marker := t.Name()
				flag := filepath.Join(t.TempDir(), "child")
				p, err := Start(Spec{
					Path: "/bin/sh", Args: []string{"-c", tc.line, "sh", flag}, Env: append(os.Environ(), taskenv.TaskID+"="+marker), Marker: marker,
				})
				if err != nil {
					t.Fatal(err)
				}
				child := readPID(t, flag)
				next, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0) // the lowest that is free
				if err != nil {
					t.Fatal(err)
				}
				limit := unix.Rlimit{Cur: uint64(next + spare), Max: old.Max}
				closeFD(&next)
				if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
					t.Fatal(err)
				}
				ended := make(chan struct{})
				go func() { defer close(ended); tc.end(p) }()
				select { // an end that took it for gone would be over by then
				case <-ended:
				case <-time.After(300 * time.Millisecond):
				}
				if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
					t.Fatal(err)
				}
				<-ended
				if st, err := host.ReadStat(child); err == nil && !st.Ended() {
					t.Error("the child lives")
					_ = unix.Kill(child, unix.SIGKILL)
				}
				p.Wait()
			})
		}
	}
}

// readPID waits until the file holds a pid.
func readPID(t *testing.T, path string) int {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		text, _ := os.ReadFile(path)
		if pid, err := strconv.Atoi(strings.TrimSuffix(string(text), "\n")); err == nil && strings.HasSuffix(string(text), "\n") {
			return pid
		}
	}
	t.Fatal("no pid in " + path)
	return 0
}
