package proctree

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// begin starts a line of shell as the leader of a process group, which ends with the test.
func begin(t *testing.T, line string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // else the group's id may belong to others
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			_ = cmd.Wait()
		}
	})
	return cmd
}

// A pid that has been given to another process is not signalled.
func TestSignalChecksTheStartTime(t *testing.T) {
	p := begin(t, "exec sleep 1000")
	st, err := host.ReadStat(p.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	id := idOf(st)
	stranger := procID{pid: id.pid, start: id.start - 1}
	if sent, err := stranger.signal(unix.SIGKILL); sent || err != nil {
		t.Errorf("the stranger: sent %v, %v", sent, err)
	}
	if stranger.living() || !id.living() {
		t.Error("the stranger lives, or the process doesn't")
	}
	if sent, err := id.signal(unix.SIGKILL); !sent || err != nil {
		t.Errorf("the process: sent %v, %v", sent, err)
	}
	if err := p.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	if sent, err := id.signal(unix.SIGKILL); sent || err != nil {
		t.Errorf("after its end: sent %v, %v", sent, err)
	}
}

// A task that waits is at rest. One that computes is not, nor one whose child does.
func TestRest(t *testing.T) {
	for line, quiet := range map[string]bool{
		"sleep 1000":                   true,
		"(sleep 1000; :) & wait":       true,
		"while :; do :; done":          false,
		"(while :; do :; done) & wait": false,
	} {
		t.Run(line, func(t *testing.T) {
			p := begin(t, line)
			r := Rest{Tree: New(Task{Leader: p.Process.Pid})}
			looks := 0
			for began := time.Now(); !r.Reached(); time.Sleep(firstPause) {
				if looks++; !quiet && looks > 200 {
					return
				}
				if time.Since(began) > time.Minute {
					t.Fatal("it is never at rest")
				}
			}
			if !quiet {
				t.Errorf("it is at rest in look %d", looks+1)
			}
		})
	}
}
