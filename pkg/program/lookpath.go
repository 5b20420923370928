package program

import (
	"os/exec"
	"strings"
)

// LookPath returns the path of a program. A name with a slash is returned as it is,
// unchecked. Other names are looked up in the daemon's PATH, as Gordon 1.6.5 did for the
// error_script. The scripts of tasks are never looked up.
func (l *Looks) LookPath(name string) (path string, err error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	err = l.Within("PATH\x00"+name, func(ready func() bool) error {
		found, err := exec.LookPath(name)
		if ready() {
			path = found
		}
		return err
	})
	return path, err
}
