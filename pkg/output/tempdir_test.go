package output

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// Cleaners remove folders under /tmp while the daemon runs.
func TestTempDirThatIsGoneIsMadeAgain(t *testing.T) {
	e, log, runs := notifier(t, silent)
	e.TempDir.path = filepath.Join(t.TempDir(), "below", "it")
	for range 2 {
		e.Notify(t.Context(), "T", nil, "m")
	}
	if len(*runs) != 2 || filepath.Dir((*runs)[1].path) != e.TempDir.path {
		t.Errorf("runs %+v", *runs)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "WARN  temp_dir did not exist; created it again") || !strings.Contains(got, "temp_dir="+e.TempDir.path+"\n") {
		t.Errorf("logged %q", got)
	}
	info, err := os.Stat(e.TempDir.path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// If the folder is not usable, or its file system hangs, the system's folder is used. The
// log reports that once until the folder works again.
func TestTempDirThatCannotBeUsed(t *testing.T) {
	systems := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	full := t.TempDir()
	if err := syscall.Mount("none", full, "tmpfs", 0, "size=4k"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Unmount(full, syscall.MNT_DETACH) }()
	if err := os.WriteFile(filepath.Join(full, "filler"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"a file": file, "a folder of a file": filepath.Join(file, "dir"), "full": full} {
		t.Run(name, func(t *testing.T) {
			e, log, runs := notifier(t, silent)
			t.Setenv("TMPDIR", systems)
			good := e.TempDir.path
			for i, path := range []string{dir, dir, good, dir} {
				e.TempDir.path = path
				e.Notify(t.Context(), "T", []byte(strings.Repeat("x", 5000)), "m")
				want := path
				if path == dir {
					want = os.TempDir()
				}
				if got := filepath.Dir((*runs)[i].path); got != want {
					t.Errorf("written in %s, want %s", got, want)
				}
			}
			checkEmpty(t, os.TempDir())
			if got := log.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "WARN  temp_dir is not usable; using the system's temporary directory") != 2 || strings.Count(got, "temp_dir="+dir+" ") != 2 {
				t.Errorf("logged %q", got)
			}
		})
	}
	left, err := os.ReadDir(full)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTempDirThatDoesNotAnswer(t *testing.T) {
	dead, _ := gordontest.DeadFolder(t)
	t.Setenv("TMPDIR", t.TempDir())
	e, log, runs := notifier(t, silent)
	e.TempDir.path = filepath.Join(dead, "dir")
	e.Notify(t.Context(), "T", nil, "m")
	if len(*runs) != 1 || filepath.Dir((*runs)[0].path) != os.TempDir() || !strings.Contains(log.String(), "does not answer") {
		t.Errorf("runs %+v, logged %q", *runs, log)
	}
}

// If no folder is usable, the error is logged, and the script does not run.
func TestErrorScriptWithoutTempDir(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, log, runs := notifier(t, silent)
	e.TempDir.path = file
	e.Notify(t.Context(), "T", nil, "m")
	if len(*runs) > 0 || !strings.Contains(log.String(), "ERROR failed to write the error_script's file") {
		t.Errorf("%d runs, logged %q", len(*runs), log)
	}
	if _, err := os.Stat(os.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the system's folder was made: %v", err)
	}
}
