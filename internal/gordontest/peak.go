package gordontest

import (
	"fmt"
	"os"
	"strings"
)

// Peak is the highest resident memory of gordon so far in bytes (VmHWM of
// proc_pid_status(5)).
func (d *Daemon) Peak() int64 {
	d.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	d.t.Fatal("no VmHWM")
	return 0
}
