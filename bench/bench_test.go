package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestWholeRun measures a little of everything, with the real binary.
func TestWholeRun(t *testing.T) {
	t.Parallel()
	gordon := filepath.Join(t.TempDir(), "gordon")
	if out, err := exec.Command("go", "build", "-o", gordon, "../cmd/gordon").CombinedOutput(); err != nil {
		t.Fatalf("build gordon: %v\n%s", err, out)
	}
	var out, progress bytes.Buffer
	p := plan{gordon: gordon, workers: []int{1, 3}, rounds: 2, tasks: 10, pushes: 5, later: 3, idle: 50 * time.Millisecond, delayed: 1001}
	if err := p.run(t.Context(), &out, &progress); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^Gordon version \S+, go1\.\d+`,
		`(?m)^ +1 +\d+ +\d+ +\d+\.\d\d +\(\d+\.\d\d to \d+\.\d\d\) +[1-9]\d*\.\d MiB$`,
		`(?m)^ +3 +\d+ +\d+ +\d+\.\d\d `,
		`(?m)^ +gordon +\d+\.\d\d ms +\d+\.\d\d ms +\d+\.\d\d ms$`,
		`(?m)^ +bare os/exec +\d+\.\d\d ms `,
		`(?m)^ +from due +\d+\.\d\d ms +\d+\.\d\d ms +\d+\.\d\d ms$`,
		`(?m)^ +none for later +1001 for later +ratio$`,
		`(?m)^ +resident memory +[1-9]\d*\.\d MiB +[1-9]\d*\.\d MiB +\d+\.\d\d$`,
		`(?m)^ +CPU time +\d+\.\d\d ms +\d+\.\d\d ms +(\d+\.\d\d|-)$`,
		`(?m)^ +Redis commands/min +\d+\.\d +\d+\.\d +(\d+\.\d\d|-)$`,
		`(?m)^To repeat: make bench, or go run ./bench -gordon \S+/gordon -rounds 2 -tasks 10 -pushes 5 -later 3 -idle 50ms -delayed 1001$`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no match for %s in\n%s", want, &out)
		}
	}
}

// TestBrokenBinary: a binary that does not work is not measured.
func TestBrokenBinary(t *testing.T) {
	t.Parallel()
	var out, progress bytes.Buffer
	p := plan{gordon: filepath.Join(t.TempDir(), "missing"), workers: []int{1}, rounds: 1, tasks: 1, pushes: 1, later: 1, idle: time.Millisecond}
	if err := p.run(t.Context(), &out, &progress); err == nil || out.Len() > 0 {
		t.Errorf("the error is %v, the report %q", err, &out)
	}
}

// TestHosts measures the cost of a few delayed entries on several hosts.
func TestHosts(t *testing.T) {
	t.Parallel()
	gordon := filepath.Join(t.TempDir(), "gordon")
	if out, err := exec.Command("go", "build", "-o", gordon, "../cmd/gordon").CombinedOutput(); err != nil {
		t.Fatalf("build gordon: %v\n%s", err, out)
	}
	var out, progress bytes.Buffer
	p := hostsPlan{gordon: gordon, grids: []grid{{2, 3}}, entries: 3, crowd: grid{2, 2}, rate: 20, load: 500 * time.Millisecond}
	if err := p.run(t.Context(), &out, &progress); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^Gordon version \S+`,
		`(?m)^ +2 × 3 +[1-9]\d*\.\d$`,
		`(?m)^ +with \d+ entries a second +\d+\.\d %$`,
		`(?m)^ +\d+\.\d\d ms +\d+\.\d\d ms +\d+\.\d\d ms$`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no match for %s in\n%s", want, &out)
		}
	}
}
