package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// SystemPath is the configuration of a packaged gordon.
const SystemPath = "/etc/gordon.toml"

// LegacyName is the configuration of Gordon 1.x, beside its binary.
const LegacyName = "gordon.config.toml"

// Path returns the file to load: flag if it is set; else [SystemPath] if it exists;
// else [LegacyName] in binDir, the folder of the binary.
func Path(flag, binDir string) string {
	return choosePath(flag, SystemPath, binDir)
}

func choosePath(flag, system, binDir string) string {
	if flag != "" {
		return flag
	}
	// Load reports any error but "does not exist": another file instead of one in an
	// unreadable /etc would hide the error.
	if _, err := os.Stat(system); !errors.Is(err, fs.ErrNotExist) {
		return system
	}
	return filepath.Join(binDir, LegacyName)
}

// maxFileSize limits one file. It is enough for thousands of tasks. A log or a disk
// image, named by mistake, is larger.
const maxFileSize = 1 << 20

// dropInDir returns the folder of the drop-ins: /etc/gordon.d for /etc/gordon.toml.
func dropInDir(path string) string {
	return strings.TrimSuffix(path, ".toml") + ".d"
}

// listFiles returns the main file and its drop-ins in the order in which they are read.
// Others are the files that are ignored because of their names. Hidden files, which
// editors and package managers create, are in neither list.
func listFiles(path string) (list, others []string, fault *Fault) {
	list = []string{path}
	dir := dropInDir(path)
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil, nil
	}
	if err != nil {
		return list, nil, &Fault{File: dir, Message: "can't list the drop-ins: " + reason(err), Err: err}
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."):
		case strings.HasSuffix(name, ".toml"):
			list = append(list, filepath.Join(dir, name))
		default:
			others = append(others, filepath.Join(dir, name))
		}
	}
	return list, others, nil
}

// readFile returns the text of a regular file.
func readFile(path string) (string, *Fault) {
	data, err := files.Read(path, maxFileSize)
	if errors.Is(err, files.ErrTooBig) {
		return "", &Fault{File: path, Message: fmt.Sprintf("is too large: the limit for a configuration file is %d KiB", maxFileSize>>10)}
	}
	if err != nil {
		message := "can't be read: "
		if pe := new(fs.PathError); errors.As(err, &pe) && pe.Op == "open" {
			message = "can't be opened: "
		}
		return "", &Fault{File: path, Message: message + reason(err), Err: err}
	}
	return string(data), nil
}

// reason returns a system error without the path, because the fault names the file.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// defaultTempDir is the system's folder for temporary files. It is absolute even if
// TMPDIR is not.
func defaultTempDir() string { return absolute(os.TempDir(), "/") }

// absolute returns a path that is relative to base as an absolute one.
func absolute(path, base string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
}
