package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	all := bytes.Repeat([]byte("0123456789abcdef"), 3*tailSize/16)
	for _, size := range []int{1, 1000, tailSize - 1, tailSize, tailSize + 1, len(all)} {
		var kept tail
		for chunk := all; len(chunk) > 0; {
			n, err := kept.Write(chunk[:min(size, len(chunk))])
			if err != nil {
				t.Fatal(err)
			}
			chunk = chunk[n:]
		}
		if !bytes.Equal(kept.kept, all[len(all)-tailSize:]) {
			t.Errorf("written in pieces of %d bytes: %d bytes were kept, or not the last ones", size, len(kept.kept))
		}
	}
}

func TestBareLoopRunsEachTaskOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "count")
	// Appending a line is atomic (open(2), O_APPEND).
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho ran >>"+dir+"/ran\necho output\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := bareLoop(20, 4, script); err != nil {
		t.Fatal(err)
	}
	ran, err := os.ReadFile(filepath.Join(dir, "ran"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(ran), "ran\n"); n != 20 {
		t.Errorf("%d runs, want 20", n)
	}
}

func TestBareLoopReportsFailures(t *testing.T) {
	t.Parallel()
	var exit *exec.ExitError
	if err := bareLoop(3, 2, "/bin/false"); !errors.As(err, &exit) {
		t.Errorf("the error is %v, want an exit status", err)
	}
	if err := bareLoop(3, 2, "/nonexistent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v, want fs.ErrNotExist", err)
	}
}
