package taskqueue

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

// ended are the instances that have ended in an orderly way and are still on record,
// because Redis did not take their results. Whoever finds their entries has to know
// that no daemon died. Redis cannot be told, so the word is left on this machine:
//
//   - in memory for what this process has ended itself. It lives, so that everybody
//     else takes those instances for alive.
//   - in a file for the next process. Only the daemon's own user can make one that is
//     believed; without it, or where it could not be written, the end counts as a
//     death.
type ended struct {
	mu  sync.Mutex
	dir string // of the files
	ids map[string]bool
}

func newEnded() *ended { return &ended{ids: make(map[string]bool)} }

// use says where the files are: in the folder that systemd keeps for the daemon, or
// else in temp_dir. What is too old to matter is removed.
func (e *ended) use(stateDir, tempDir string) {
	dir, _, _ := strings.Cut(stateDir, ":")
	e.mu.Lock()
	e.dir = cmp.Or(dir, tempDir, os.TempDir())
	e.mu.Unlock()
	for _, path := range e.words("") {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > store.RecoveryWindow {
			_ = os.Remove(path) // it may be another user's
		}
	}
}

// add notes that an instance of this process has ended and is still on record.
func (e *ended) add(id string) error {
	e.mu.Lock()
	e.ids[id] = true
	dir := e.dir
	e.mu.Unlock()
	// The name is one that nobody can have taken before.
	f, err := os.CreateTemp(dir, wordPrefix+id+"-*")
	if err != nil {
		return fmt.Errorf("leave word that this instance has ended: %w", err)
	}
	_, err = f.WriteString(id)
	return errors.Join(err, f.Close())
}

// has reports whether an instance of this process has ended.
func (e *ended) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ids[id]
}

// orderly reports whether an instance of this process or of an earlier one has ended
// in an orderly way.
func (e *ended) orderly(id string) bool { return e.has(id) || len(e.words(id)) > 0 }

// forget removes the word of an instance that is off the record.
func (e *ended) forget(id string) {
	for _, path := range e.words(id) {
		_ = os.Remove(path) // one that stays is removed when it is old
	}
}

const wordPrefix = "gordon-ended-"

// words are the files of an instance, or of all for "". Temp_dir may be everybody's: a
// file counts if it is this user's and holds the id, which a link to another one does
// not.
func (e *ended) words(id string) (paths []string) {
	e.mu.Lock()
	dir := e.dir
	e.mu.Unlock()
	found, _ := filepath.Glob(filepath.Join(escapeGlob(dir), wordPrefix+id+"-*"))
	for _, path := range found[:min(len(found), mostWords)] {
		if content, ok := readWord(path); ok && (id == "" || content == id) {
			paths = append(paths, path)
		}
	}
	return paths
}

// readWord reads a file that is this user's. Whatever else has taken its name, the
// open waits for nothing.
func readWord(path string) (content string, ok bool) {
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
	b, err := io.ReadAll(io.LimitReader(f, maxWord))
	return string(b), err == nil
}

// mostWords bounds how many files are looked at: in a folder of everybody's, anybody
// can make any number.
const mostWords = 1000

// maxWord bounds what is read of a file in bytes: an id is shorter.
const maxWord = 1 << 10

// escapeGlob has a folder stand for itself in a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
