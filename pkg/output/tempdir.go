package output

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
)

const (
	// tempDirTimeout bounds the wait for a file system.
	tempDirTimeout = 5 * time.Second
	// maxWriting is how many files are written at once.
	maxWriting = 8
)

// TempDir is where the files for the error_script are written. Cleaners remove a
// folder under /tmp that was not used for days, while the daemon runs; then it is
// made again. If that fails, or the disk is full, the system's folder takes its
// place: a failure that nobody is told of is worse than a file in another folder.
type TempDir struct {
	path  string // "" means the system's
	calls files.Calls
	// unusable says that the log has been told so.
	unusable atomic.Bool
}

// NewTempDir returns the folder at path; "" means the system's.
func NewTempDir(path string) *TempDir {
	return &TempDir{path: path, calls: files.NewCalls(maxWriting)}
}

// write writes a file that its owner only may read, and returns its path.
func (d *TempDir) write(ctx context.Context, log *slog.Logger, content []byte) (string, error) {
	path, err := d.writeIn(ctx, d.path, log, content)
	if err == nil {
		d.unusable.Store(false)
		return path, nil
	}
	instead := os.TempDir()
	if d.path == "" || d.path == instead {
		return "", err
	}
	path, again := d.writeIn(ctx, instead, log, content)
	if again != nil {
		return "", errors.Join(err, again)
	}
	if !d.unusable.Swap(true) {
		log.Warn("temp_dir cannot be used, using the system's instead", "temp_dir", d.path, "instead", instead, KeyError, err)
	}
	return path, nil
}

func (d *TempDir) writeIn(ctx context.Context, dir string, log *slog.Logger, content []byte) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tempDirTimeout)
	defer cancel()
	return files.Within(ctx, d.calls, func() (string, error) {
		path, err := writeTemp(dir, content)
		// The system's folder is not ours to make: all users write to it.
		if dir == "" || dir == os.TempDir() || !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		log.Warn("temp_dir was missing and has been created again", "temp_dir", dir)
		return writeTemp(dir, content)
	}, func(path string) { _ = os.Remove(path) }) // nobody waits for it any more
}

// writeTemp writes a file with the name of 1.x. It leaves none behind when it fails.
func writeTemp(dir string, content []byte) (string, error) {
	f, err := os.CreateTemp(dir, "gordon*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// remove removes a file, unless the script has moved or removed it itself.
func (d *TempDir) remove(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tempDirTimeout)
	defer cancel()
	_, err := files.Within(ctx, d.calls, func() (struct{}, error) { return struct{}{}, os.Remove(path) }, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
