package program

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

func TestLookPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(path))
	var looks *Looks
	for _, name := range []string{path, filepath.Base(path)} {
		if got, err := looks.LookPath(name); got != path || err != nil {
			t.Errorf("%q is found at %q, %v", name, got, err)
		}
	}
	if _, err := looks.LookPath("no-such-program"); err == nil {
		t.Error("found what is not there")
	}
	dead, _ := gordontest.DeadFolder(t)
	t.Setenv("PATH", dead)
	if _, err := looks.LookPath("program"); !errors.Is(err, files.ErrHangs) {
		t.Errorf("in a dead folder: %v", err)
	}
}
