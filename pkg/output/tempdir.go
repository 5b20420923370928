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
	// maxWriting is the number of files that may be written at once.
	maxWriting = 8
)

// TempDir is the folder for the files of the error_script. While the daemon runs, a
// cleaner may remove a folder under /tmp that was not used for days; TempDir creates it
// again then. If that fails, or the disk is full, TempDir uses the system's folder: a
// failure without a notification is worse than a file in another folder.
type TempDir struct {
	path  string // "" for the system's
	calls files.Calls
	// unusable is set once it was logged that the folder is not usable.
	unusable atomic.Bool
}

// NewTempDir returns the folder at path, or the system's if path is "".
func NewTempDir(path string) *TempDir {
	return &TempDir{path: path, calls: files.NewCalls(maxWriting)}
}

// write writes a file that only its owner may read, and returns its path.
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
		log.Warn("temp_dir is not usable; using the system's temporary directory", "temp_dir", d.path, "instead", instead, KeyError, err)
	}
	return path, nil
}

func (d *TempDir) writeIn(ctx context.Context, dir string, log *slog.Logger, content []byte) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tempDirTimeout)
	defer cancel()
	return files.Within(ctx, d.calls, func() (string, error) {
		path, err := writeTemp(dir, content)
		// Gordon must not create the system's folder: all users write to it.
		if dir == "" || dir == os.TempDir() || !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		log.Warn("temp_dir did not exist; created it again", "temp_dir", dir)
		return writeTemp(dir, content)
	}, func(path string) { _ = os.Remove(path) }) // after the time-out
}

// writeTemp writes a file with a name as in 1.x. If it fails, it leaves no file.
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

// remove removes a file. The script may have moved or removed it already.
func (d *TempDir) remove(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tempDirTimeout)
	defer cancel()
	_, err := files.Within(ctx, d.calls, func() (struct{}, error) { return struct{}{}, os.Remove(path) }, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
