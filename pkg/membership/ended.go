package membership

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// Ended lists the instances that have ended in an orderly way and are still on record,
// because Redis did not take their results. A recoverer that finds their entries has to
// know that no daemon died. As Redis cannot be told, the list is kept on this machine:
//
//   - in memory, for the instances that this process has ended itself. The process
//     lives, so that everybody else takes those instances for alive.
//   - in a file for the next process. Only a file of the daemon's own user counts. If
//     there is none, or it could not be written, the end counts as a death.
//
// It is safe for concurrent use.
type Ended struct {
	mu  sync.Mutex
	dir string // of the files
	ids map[string]bool
}

// NewEnded returns an empty list without a folder.
func NewEnded() *Ended { return &Ended{ids: make(map[string]bool)} }

// Use sets the folder of the files: the folder that systemd keeps for the daemon
// (STATE_DIRECTORY of systemd.exec(5)), or else temp_dir. Files that are too old to matter
// are removed.
func (e *Ended) Use(stateDir, tempDir string) {
	dir, _, _ := strings.Cut(stateDir, ":")
	e.mu.Lock()
	e.dir = cmp.Or(dir, tempDir, os.TempDir())
	e.mu.Unlock()
	for _, path := range e.files("") {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > store.RecoveryWindow {
			_ = os.Remove(path) // it may be another user's
		}
	}
}

// Add notes that an instance of this process has ended and is still on record.
func (e *Ended) Add(id string) error {
	e.mu.Lock()
	e.ids[id] = true
	dir := e.dir
	e.mu.Unlock()
	// The name is one that nobody can have taken before.
	f, err := os.CreateTemp(dir, endedPrefix+id+"-*")
	if err != nil {
		return fmt.Errorf("record that this instance has stopped: %w", err)
	}
	_, err = f.WriteString(id)
	return errors.Join(err, f.Close())
}

// has reports whether an instance of this process has ended.
func (e *Ended) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ids[id]
}

// orderly reports whether an instance of this process or of an earlier one has ended
// in an orderly way.
func (e *Ended) orderly(id string) bool { return e.has(id) || len(e.files(id)) > 0 }

// forget removes the files of an instance that is off the record.
func (e *Ended) forget(id string) {
	for _, path := range e.files(id) {
		_ = os.Remove(path) // one that stays is removed when it is old
	}
}

const endedPrefix = "gordon-ended-"

// files returns the files of an instance, or of all instances for "". Everybody may write
// to temp_dir: a file counts only if it belongs to this user and contains the id, which a
// link to another file does not.
func (e *Ended) files(id string) (paths []string) {
	e.mu.Lock()
	dir := e.dir
	e.mu.Unlock()
	found, _ := filepath.Glob(filepath.Join(escapeGlob(dir), endedPrefix+id+"-*"))
	for _, path := range found[:min(len(found), maxFiles)] {
		if content, ok := readEnded(path); ok && (id == "" || content == id) {
			paths = append(paths, path)
		}
	}
	return paths
}

// readEnded reads a file that belongs to this user. The open does not wait, whatever
// else has that name.
func readEnded(path string) (content string, ok bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	if owner, known := info.Sys().(*syscall.Stat_t); !known || int(owner.Uid) != os.Geteuid() {
		return "", false
	}
	b, err := io.ReadAll(io.LimitReader(f, maxEndedSize))
	return string(b), err == nil
}

// maxFiles bounds how many files are looked at: in a folder to which everybody may write,
// anybody can make any number.
const maxFiles = 1000

// maxEndedSize bounds how many bytes of a file are read: an id is shorter.
const maxEndedSize = 1 << 10

// escapeGlob returns a pattern that matches the folder alone.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
