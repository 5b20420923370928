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
//
// Others are those that are not read because of their names.
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

// reason strips the path from a system error; the fault names the file already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
