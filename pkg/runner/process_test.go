package runner_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

func TestHowAProcessEnds(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		kind       runner.Kind
		status     int
		signal     syscall.Signal
		reason     string
	}{
		{name: "success", body: "exit 0", kind: runner.Exited},
		{name: "exit 3", body: "exit 3", kind: runner.Exited, status: 3, reason: "exit status 3"},
		{name: "exit 255", body: "exit 255", kind: runner.Exited, status: 255, reason: "exit status 255"},
		{name: "killed", body: "kill -KILL $$", kind: runner.Signaled, signal: unix.SIGKILL, reason: "signal: killed"},
		{name: "hangup", body: "kill -HUP $$", kind: runner.Signaled, signal: unix.SIGHUP, reason: "signal: hangup"},
		{
			name: "segmentation fault", body: "ulimit -c 0; kill -SEGV $$",
			kind: runner.Signaled, signal: unix.SIGSEGV, reason: "signal: segmentation fault",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := run(t, tc.body)
			want(t, o, tc.kind, tc.reason)
			if o.ExitStatus != tc.status || o.Signal != tc.signal {
				t.Errorf("status %d, signal %v; want %d, %v", o.ExitStatus, o.Signal, tc.status, tc.signal)
			}
			if o.Success() != (tc.reason == "") {
				t.Errorf("success is %v", o.Success())
			}
			if o.Err != nil || o.Leftovers {
				t.Errorf("err %v, leftovers %v", o.Err, o.Leftovers)
			}
		})
	}
}

func TestBothStreamsAreCaptured(t *testing.T) {
	o := run(t, `printf 'to out'; printf 'to err\n' >&2; printf ', more'`)
	want(t, o, runner.Exited, "")
	if diff := cmp.Diff(runner.Output{Tail: []byte("to out, more"), Total: 12}, o.Stdout); diff != "" {
		t.Error("stdout:", diff)
	}
	if diff := cmp.Diff(runner.Output{Tail: []byte("to err\n"), Total: 7}, o.Stderr); diff != "" {
		t.Error("stderr:", diff)
	}
}

func TestSilentProcessHasNoOutput(t *testing.T) {
	o := run(t, "exit 0")
	if o.Stdout.Total != 0 || o.Stderr.Total != 0 || len(o.Stdout.Tail)+len(o.Stderr.Tail) != 0 {
		t.Errorf("output is %+v, %+v", o.Stdout, o.Stderr)
	}
}

// The script prints numbered lines on both streams at once, more than a pipe holds. The
// tails must be the exact ends of the output.
func TestTailIsTheExactEnd(t *testing.T) {
	o := run(t, `seq 1 100000 & seq 200000 300000 >&2; wait`)
	want(t, o, runner.Exited, "")
	for _, tc := range []struct {
		got        runner.Output
		from, upTo int
	}{{o.Stdout, 1, 100000}, {o.Stderr, 200000, 300000}} {
		var all strings.Builder
		for i := tc.from; i <= tc.upTo; i++ {
			fmt.Fprintln(&all, i)
		}
		text := all.String()
		wanted := runner.Output{Tail: []byte(text[len(text)-runner.TailSize:]), Total: int64(len(text))}
		if !cmp.Equal(wanted, tc.got) {
			t.Errorf("got %d bytes, tail of %d; want %d bytes", tc.got.Total, len(tc.got.Tail), wanted.Total)
		}
	}
}

func TestGigabyteAtConstantMemory(t *testing.T) {
	const size = 1 << 30
	var before, after runtime.MemStats
	p := start(t, `exec head -c 1073741824 /dev/zero`)
	runtime.ReadMemStats(&before)
	o := p.Wait()
	runtime.ReadMemStats(&after)
	want(t, o, runner.Exited, "")
	if o.Stdout.Total != size || len(o.Stdout.Tail) != runner.TailSize {
		t.Errorf("total %d, tail %d", o.Stdout.Total, len(o.Stdout.Tail))
	}
	// Sys is the memory that was ever taken from the system, so it is the peak.
	if grown := int64(after.Sys) - int64(before.Sys); grown > 16<<20 {
		t.Errorf("reading 1 GiB took %d bytes of memory", grown)
	}
	t.Logf("%.0f MB/s, %d bytes allocated", size/1e6/o.Wall.Seconds(), after.TotalAlloc-before.TotalAlloc)
}

func TestStandardInputIsEmpty(t *testing.T) {
	o := run(t, `readlink /proc/self/fd/0; cat; echo end`)
	want(t, o, runner.Exited, "")
	if got := string(o.Stdout.Tail); got != "/dev/null\nend\n" {
		t.Errorf("got %q", got)
	}
}

// A descriptor that leaks into a task keeps files and connections open for as
// long as the task lives.
func TestNoOtherDescriptorsReachTheProcess(t *testing.T) {
	start(t, "exec sleep 1000") // so that there are descriptors to leak
	p, err := runner.Start(runner.Spec{Path: "/bin/ls", Args: []string{"/proc/self/fd"}})
	if err != nil {
		t.Fatal(err)
	}
	// 3 is ls's own, for the folder that it lists.
	wanted := append([]string{"0", "1", "2", "3"}, inheritable(t)...)
	got := strings.Fields(string(p.Wait().Stdout.Tail))
	slices.Sort(wanted)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(wanted), got); diff != "" {
		t.Error(diff)
	}
}

// inheritable returns the descriptors that all children inherit from the program that
// started the tests. None of them is this process' own.
func inheritable(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			list = append(list, e.Name())
		}
	}
	return list
}

func TestOwnProcessGroup(t *testing.T) {
	p := start(t, "exec sleep 1000")
	st, err := host.ReadStat(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if st.PGID != p.PID() {
		t.Errorf("process %d is in group %d", p.PID(), st.PGID)
	}
}

func TestWaitIsIdempotentAndConcurrent(t *testing.T) {
	p := start(t, `sleep 0.1; echo once; exit 9`)
	var all [8]runner.Outcome
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i] = p.Wait() })
	}
	wg.Wait()
	for _, o := range append(all[:], p.Wait()) {
		want(t, o, runner.Exited, "exit status 9")
		if diff := cmp.Diff(all[0], o); diff != "" {
			t.Error(diff)
		}
	}
}

// A script that closes its streams runs on, and its end is noticed.
func TestClosedStreams(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`exec >&-; sleep 0.1; exit 7`,
		`exec 2>&-; sleep 0.1; exit 7`,
		`exec >&- 2>&-; sleep 0.1; exit 7`,
		`echo last; exec >&-; sleep 0.1; echo there >&2; exit 7`,
	} {
		o := run(t, body)
		want(t, o, runner.Exited, "exit status 7")
		if o.Wall < 100*time.Millisecond || o.Leftovers {
			t.Errorf("%s: wall time %v, leftovers %v", body, o.Wall, o.Leftovers)
		}
	}
}

// Another part of the process has reaped the leader (a library that waits for any child).
// Then the exit status is unknown, and that must not look like a success.
func TestReapedByAnother(t *testing.T) {
	p, err := runner.Start(runner.Spec{Path: "/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	for {
		if _, err = unix.Wait4(p.PID(), &status, 0, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	o := p.Wait()
	if o.Success() || !errors.Is(o.Err, unix.ECHILD) {
		t.Errorf("outcome is %+v", o)
	}
}

// The script sees the environment that taskenv.Build returns, byte for byte.
func TestEnvironmentArrives(t *testing.T) {
	entry := map[string]string{"A": "x=y", "B": "line\nline", "C": "", "D": "ü€𝄞 'q' \"q\" $HOME \\"}
	env, err := taskenv.Build([]string{"A=daemon", "KEEP=1"}, entry, []string{"GORDON_ATTEMPT=1"}, taskenv.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := runner.Start(runner.Spec{Path: "/bin/cat", Args: []string{"/proc/self/environ"}, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(p.Wait().Stdout.Tail), "\x00"), "\x00")
	if diff := cmp.Diff(env, got); diff != "" {
		t.Error(diff)
	}
}
