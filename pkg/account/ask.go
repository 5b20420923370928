package account

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// askTimeout limits the time that a directory service has to answer.
const askTimeout = 30 * time.Second

// ask runs a program of the system and returns the one line that it prints. The program
// ends with ctx. Its answer decides about rights, so it must be out of reach for
// the tasks: it is guarded, it is not looked up in the daemon's PATH, and it gets nothing
// of the daemon's environment.
func ask(ctx context.Context, name string, args ...string) (line string, err error) {
	path, err := systemProgram(name)
	if err != nil {
		return "", err
	}
	env := []string{"PATH=" + strings.Join(systemDirs(), ":"), "LC_ALL=C"}
	p, err := runner.Start(runner.Spec{Path: path, Args: args, Env: env, Attributes: privilege.Attributes{Guarded: true}})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { p.Stop(ctx, 0) })()
	o := p.Wait()
	command := strings.Join(append([]string{name}, args...), " ")
	if p.Stopped() {
		return "", fmt.Errorf("%s did not finish in time: %w", name, ctx.Err())
	}
	if !o.Success() {
		return "", &exitError{command: command, o: o}
	}
	line, rest, ok := strings.Cut(string(o.Stdout.Tail), "\n")
	if !ok || rest != "" || o.Stdout.Total > runner.TailSize {
		return "", fmt.Errorf("%s: expected one line, got %d bytes ending with %.200q", command, o.Stdout.Total, rest)
	}
	return line, nil
}

// systemDirs returns the folders of the system's own programs. Only root writes to
// them. That is not so for /usr/local and the folders in the daemon's PATH.
func systemDirs() []string {
	return []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"} // the last is NixOS
}

// systemProgram returns the path of one of the system's own programs.
func systemProgram(name string) (string, error) {
	for _, dir := range systemDirs() {
		path := filepath.Join(dir, name)
		if unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("program %s not found in %s", name, strings.Join(systemDirs(), ", "))
}

// exitError is the failure of a program.
type exitError struct {
	command string
	o       runner.Outcome
}

func (e *exitError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s\n%s", e.command, e.o.Reason(), bytes.TrimSpace(e.o.Stderr.Tail)))
}

// UnitProperty returns a property of a unit of systemd, "" if it has none.
func UnitProperty(ctx context.Context, unit, property string) (string, error) {
	return ask(ctx, "systemctl", "show", "--property="+property, "--value", "--", unit)
}
