package runner

import (
	"os/exec"
	"strings"
)

// LookPath returns the path of a program: name itself where it holds a slash, which
// is not looked at, else what the daemon's PATH leads to. It is for the error_script,
// which 1.6.5 looked up like that; the scripts of tasks are never looked up.
func (g *Gate) LookPath(name string) (path string, err error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	err = g.known().within("PATH\x00"+name, func(ready func() bool) error {
		found, err := exec.LookPath(name)
		if ready() {
			path = found
		}
		return err
	})
	return path, err
}
