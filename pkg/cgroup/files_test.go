package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/usage"
	"github.com/nevsnode/gordon/v2/pkg/config"
)

// These tests need no control group. The tests of the kernel's side are in
// kernel_test.go.

// fake creates a folder with files like those of a group.
func fake(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOwnGroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/system.slice/gordon.service\n":             "/system.slice/gordon.service",
		"4:memory:/a\n1:name=systemd:/b\n0::/c:d/e f\n": "/c:d/e f",
		"0::/\n":        "/",
		"4:memory:/a\n": "",
		"":              "",
	} {
		if got, err := ownGroup(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"mail": "mail", "a.b_c:d@e-f": "a.b_c:d@e-f", "a/b c": `a\x2fb\x20c`, "..": "..", "ü": `\xc3\xbc`, "a~b": `a\x7eb`, `a\x2fb`: `a\x5cx2fb`,
	} {
		if got := escape(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	a, b := escape(strings.Repeat("x", 255)), escape(strings.Repeat("x", 254))
	if a == b || len(kindPrefix+a) > 255 || !strings.HasPrefix(a, strings.Repeat("x", longest)+"~") {
		t.Errorf("%q, %q", a, b)
	}
}

func unlimited() map[string]string {
	return map[string]string{"memory.max": "", "memory.high": "", "cpu.max": "", "cpu.weight": "", "io.weight": "", "io.bfq.weight": "", "pids.max": ""}
}

func TestLimit(t *testing.T) {
	all := config.Limits{MemoryMax: 1 << 20, MemoryHigh: 4096, CPUQuota: 5, CPUWeight: 1, IOWeight: 10000, TasksMax: 7}
	for name, tc := range map[string]struct {
		limits config.Limits
		reset  bool
		want   map[string]string
	}{
		"all": {all, false, map[string]string{
			"memory.max": "1048576", "memory.high": "4096", "cpu.max": "5000 100000", "cpu.weight": "1", "io.weight": "10000", "io.bfq.weight": "1000", "pids.max": "7",
		}},
		"none": {config.Limits{}, false, unlimited()},
		"one":  {config.Limits{CPUQuota: 250}, false, merge(unlimited(), "cpu.max", "250000 100000")},
		"reset": {config.Limits{TasksMax: 1}, true, map[string]string{
			"memory.max": "max", "memory.high": "max", "cpu.max": "max 100000", "cpu.weight": "100", "io.weight": "100", "io.bfq.weight": "100", "pids.max": "1",
		}},
	} {
		dir := fake(t, unlimited())
		if err := limit(dir, tc.limits, tc.reset); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := make(map[string]string)
		for file := range tc.want {
			got[file] = read(t, dir, file)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s\n%s", name, diff)
		}
	}
}

func merge(m map[string]string, key, value string) map[string]string {
	m[key] = value
	return m
}

// A limit that cannot be set is an error. A limit that is not set needs no file. One of the
// two files for disks is enough.
func TestLimitWithoutItsFile(t *testing.T) {
	dir := fake(t, map[string]string{"io.bfq.weight": ""})
	if err := limit(dir, config.Limits{}, true); err != nil {
		t.Errorf("no limits: %v", err)
	}
	if err := limit(dir, config.Limits{IOWeight: 550}, false); err != nil || read(t, dir, "io.bfq.weight") != "140" {
		t.Errorf("io_weight: %v, %q", err, read(t, dir, "io.bfq.weight"))
	}
	if err := limit(t.TempDir(), config.Limits{IOWeight: 550}, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("io_weight without any file: %v", err)
	}
	if err := limit(dir, config.Limits{MemoryMax: 1 << 30}, false); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "setting memory.max to 1073741824") {
		t.Errorf("memory_max: %v", err)
	}
}

func TestAccount(t *testing.T) {
	run := &Run{kind: fake(t, map[string]string{memoryEventsLocal: "oom 3\noom_kill 0\n"})}
	run.dir = fake(t, map[string]string{
		"cpu.stat":    "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 9\nthrottled_usec 5\n",
		"memory.peak": "4096\n",
		"io.stat":     "8:0 rbytes=10 wbytes=1 rios=2 wios=2 dbytes=0 dios=0\n8:16 rbytes=100 wbytes=2\n254:0 \n",
		"pids.events": "max 6\n",
	})
	told := usage.Usage{UserCPU: 90, SystemCPU: 91, PeakMemory: 92, ReadBytes: 93, WrittenBytes: 94} // by wait4(2)
	got := told
	pressure := run.Account(&got)
	want := usage.Usage{UserCPU: 4 * time.Microsecond, SystemCPU: 3 * time.Microsecond, PeakMemory: 4096, ReadBytes: 110, WrittenBytes: 3}
	if diff := cmp.Diff(want, got) + cmp.Diff(usage.Pressure{Throttled: 5 * time.Microsecond, Refused: 6}, pressure); diff != "" {
		t.Error(diff)
	}
	run.dir = fake(t, nil)
	got = told
	pressure = run.Account(&got)
	if diff := cmp.Diff(told, got) + cmp.Diff(usage.Pressure{}, pressure); diff != "" {
		t.Errorf("a group without counters changes figures:\n%s", diff)
	}
}

func TestWhoseMemoryItWas(t *testing.T) {
	for _, tc := range []struct {
		events  string
		before  int64 // that the type was out of memory
		own     config.Limits
		because string
	}{
		{"oom 0\noom_kill 0\n", 3, config.Limits{}, ""},
		{"oom 2\noom_kill 0\n", 3, config.Limits{MemoryMax: 1 << 20}, ""}, // it was given some in the end
		{"oom 1\noom_kill 3\n", 2, config.Limits{MemoryMax: 64 << 20}, "exceeded memory_max = 64M"},
		{"oom 0\noom_kill 1\n", 2, config.Limits{MemoryMax: 64 << 20}, "all runs of the type together exceeded total.memory_max = 2G"},
		{"oom 0\noom_kill 1\n", 3, config.Limits{}, "the machine or a limit of the unit had no memory left"},
	} {
		run := &Run{
			dir: fake(t, map[string]string{memoryEvents: tc.events}), kind: fake(t, map[string]string{memoryEventsLocal: "oom 3\noom_kill 0\n"}),
			limits: tc.own, total: config.Limits{MemoryMax: 2 << 30}, oomBefore: tc.before,
		}
		if got := run.oom(); got != tc.because {
			t.Errorf("%+v: got %q", tc, got)
		}
	}
}

// A group that cannot be read for lack of descriptors is not empty.
func TestProcessesOfAGroup(t *testing.T) {
	dir := fake(t, map[string]string{eventsFile: "populated 1\nfrozen 0\n", procsFile: "7\n8\n"})
	if list, err := allPIDs(dir); err != nil || !slices.Equal(list, []int{7, 8}) {
		t.Errorf("got %v, %v", list, err)
	}
	if list, err := allPIDs(dir + "/gone"); err != nil || len(list) != 0 {
		t.Errorf("of a group that is gone: %v, %v", list, err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	list, err := allPIDs(dir)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("without descriptors: %v, %v", list, err)
	}
}

// Without a clone3(2) that supports groups, no task could start in one. The filters return
// the errors of systemd's RestrictNamespaces=, of a kernel before 5.7 and of a container's
// filter that does not know the call. kernel_test.go tests a working clone3.
func TestKernelClones(t *testing.T) {
	for _, answer := range []unix.Errno{unix.ENOSYS, unix.E2BIG, unix.EPERM} {
		found := make(chan bool)
		go func() {
			runtime.LockOSThread() // the filter ends with the thread
			if err := refuse(unix.SYS_CLONE3, answer); err != nil {
				t.Error(err)
			}
			found <- kernelClones()
		}()
		if <-found {
			t.Errorf("found, though the answer is %v", answer)
		}
	}
}

// refuse makes one system call of this thread return an error;
// seccomp(2).
func refuse(call uint32, answer unix.Errno) error {
	const returnErrno, allow = 0x00050000, 0x7fff0000 // SECCOMP_RET_
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: call},
		{Code: unix.BPF_RET | unix.BPF_K, K: returnErrno | uint32(answer)},
		{Code: unix.BPF_RET | unix.BPF_K, K: allow},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}

func TestLacks(t *testing.T) {
	tree := &Tree{dir: "/x/y", mount: fake(t, map[string]string{"cgroup.controllers": "cpu io memory\n"}), controllers: []string{"cpu"}}
	for controller, want := range map[string]string{
		"cpu":    "",
		"memory": "the memory controller is not delegated to gordon: the unit needs Delegate=yes",
		"pids": "this system has no pids controller for control groups v2 " +
			"(see cgroup_disable= and systemd.unified_cgroup_hierarchy= in its kernel command line)",
	} {
		if got := tree.Lacks(controller); got != want {
			t.Errorf("%s: %q", controller, got)
		}
	}
}
