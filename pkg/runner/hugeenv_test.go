package runner_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// hugeSize is the size of the environment and of the arguments of hugeHelper, in bytes.
const hugeSize = 1 << 29

// hugeHelper is an unprivileged process that enlarges the environment that /proc shows
// for it; PR_SET_MM(2const), PR_SET_MM_MAP.
func hugeHelper() {
	memory, err := unix.Mmap(-1, 0, hugeSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		panic(err)
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		panic(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	field := func(n int) uint64 { // as proc_pid_stat(5) counts
		v, _ := strconv.ParseUint(fields[n-3], 10, 64)
		return v
	}
	begin := uint64(uintptr(unsafe.Pointer(&memory[0])))
	m := struct { // struct prctl_mm_map
		startCode, endCode, startData, endData, startBrk, brk, startStack, argStart, argEnd, envStart, envEnd, auxv uint64
		auxvSize, exe                                                                                               uint32
	}{
		field(26), field(27), field(45), field(46), field(47), field(47), field(28), begin, begin + hugeSize, begin, begin + hugeSize, 0,
		0, ^uint32(0),
	}
	const setMM, setMMMap = 35, 14
	if _, _, no := unix.Syscall6(unix.SYS_PRCTL, setMM, setMMMap, uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0, 0); no != 0 {
		panic(no)
	}
	flag := os.Args[1]
	if err := os.WriteFile(flag, []byte("ready\n"), 0o666); err != nil {
		panic(err)
	}
	select {}
}

// An unprivileged process with an environment of 512 MiB in /proc costs the search for
// other processes neither memory nor time, and hides none of them.
func TestAHugeEnvironmentIsNotRead(t *testing.T) {
	flags := newFlag(t)
	if err := os.WriteFile(string(flags), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	path := gordontest.Executable(t)
	huge, err := runner.Start(runner.Spec{Path: path, Args: []string{string(flags)}, Env: []string{helperVar + "=huge"}})
	if err != nil {
		t.Fatal(err)
	}
	go huge.Wait()
	defer func() {
		huge.Stop(t.Context(), 0)
		huge.Wait()
	}()
	flags.text(t)
	info, err := os.Open(fmt.Sprintf("/proc/%d/environ", huge.PID()))
	if err != nil {
		t.Fatal(err)
	}
	defer info.Close()
	if n, err := info.ReadAt(make([]byte, 4096), hugeSize-4096); n != 4096 {
		t.Fatalf("the attack does not work: %d, %v", n, err)
	}

	orphan := newFlag(t)
	p := marked(t, markerOf(t)+".x", `(setsid sh -c 'echo $$ > $0; exec sleep 1000' $1 &); exit 0`, string(orphan))
	orphan.pid(t)
	p.Wait()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	killed, err := proctree.KillMarked(t.Context(), func(m string) bool { return m == markerOf(t)+".x" })
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if killed != 1 || err != nil {
		t.Errorf("killed %d, %v", killed, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 || took > 20*time.Second {
		t.Errorf("it took %d bytes and %v", used, took)
	}
}
