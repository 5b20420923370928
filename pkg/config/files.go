package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFileSize bounds one file. Thousands of tasks fit in it; a log or a disk
// image given by mistake does not.
const maxFileSize = 1 << 20

// dropInDir returns the folder of a file's drop-ins: /etc/gordon.d for
// /etc/gordon.toml.
func dropInDir(path string) string {
	return strings.TrimSuffix(path, ".toml") + ".d"
}

// listFiles returns the main file and its drop-ins in the order they are read.
// Hidden files are left out: editors and package managers park theirs there.
func listFiles(path string) ([]string, *Fault) {
	files := []string{path}
	dir := dropInDir(path)
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return files, &Fault{File: dir, Message: "can't list the drop-ins: " + reason(err), Err: err}
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".toml") && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files, nil
}

// readFile returns a file's text. It reads no more than is allowed, so that
// /dev/zero is refused like any other file that is too big.
func readFile(path string) (string, *Fault) {
	f, err := os.Open(path)
	if err != nil {
		return "", &Fault{File: path, Message: "can't be opened: " + reason(err), Err: err}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return "", &Fault{File: path, Message: "can't be read: " + reason(err), Err: err}
	}
	if len(data) > maxFileSize {
		return "", &Fault{File: path, Message: fmt.Sprintf("is too big: a configuration file may have %d KiB", maxFileSize>>10)}
	}
	return string(data), nil
}

// reason strips the path from a system error; the fault names the file already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
