package main

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFields(t *testing.T) {
	t.Parallel()
	got := parseFields("Name:\tgordon\nVmHWM:\t    9128 kB\nThreads:\t7\nvoluntary_ctxt_switches:\t12\nempty:\n")
	want := map[string]int64{"VmHWM": 9128, "Threads": 7, "voluntary_ctxt_switches": 12}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parseFields (-want +got):\n%s", diff)
	}
}

func TestCommandCalls(t *testing.T) {
	t.Parallel()
	got := commandCalls("# Commandstats\r\n" +
		"cmdstat_blmove:calls=3,usec=12,usec_per_call=4.00,rejected_calls=0,failed_calls=0\r\n" +
		"cmdstat_client|unblock:calls=1,usec=2\r\n")
	want := map[string]int64{"blmove": 3, "client|unblock": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commandCalls (-want +got):\n%s", diff)
	}
}

func TestDifferenceLeavesOutOwnCommands(t *testing.T) {
	t.Parallel()
	got := difference(map[string]int64{"ping": 5, "set": 2, "info": 1}, map[string]int64{"ping": 6, "set": 2, "info": 9, "blmove": 1})
	if diff := cmp.Diff(map[string]int64{"ping": 1, "blmove": 1}, got); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

// TestOwnProcess reads the numbers of this process, which must be possible and
// can only grow.
func TestOwnProcess(t *testing.T) {
	t.Parallel()
	m, err := memoryOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.resident <= 0 || m.peak < m.resident || m.share <= 0 {
		t.Errorf("memoryOf = %+v", m)
	}
	before, err := workOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// The kernel counts the time of a running thread at its next tick.
	after := before
	for deadline := time.Now().Add(patience); after.cpu <= before.cpu; {
		if time.Now().After(deadline) {
			t.Fatalf("the CPU time stays at %v", after.cpu)
		}
		if after, err = workOf(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if before.cpu <= 0 || after.switches < before.switches {
		t.Errorf("workOf = %+v, then %+v", before, after)
	}
}

func TestNoProcess(t *testing.T) {
	t.Parallel()
	const none = 1 << 30 // over the kernel's limit, PID_MAX_LIMIT
	if _, err := memoryOf(none); err == nil {
		t.Error("memoryOf found a process that cannot be")
	}
	if _, err := workOf(none); err == nil {
		t.Error("workOf found a process that cannot be")
	}
}
