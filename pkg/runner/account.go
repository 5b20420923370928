package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// Account is a user as the system knows it.
type Account struct {
	Name     string
	UID, GID uint32
	Groups   []uint32 // all of them, GID among them
	Home     string   // absolute; "" = none
	Shell    string   // absolute; "" = none, or one that lets nobody in
}

// ErrUnknown is wrapped where the system has no such user or group.
var ErrUnknown = errors.New("unknown to this system")

// LookupUser finds a user by name or number, with its groups; the name must not
// begin with a dash. getent(1) and id(1) are asked, since a user may come from a
// directory service (nsswitch.conf(5)), which a program without the C library can't
// ask itself.
func LookupUser(ctx context.Context, name string) (Account, error) {
	field, err := getent(ctx, "passwd", name, 7) // passwd(5)
	if err != nil {
		return Account{}, err
	}
	a := Account{Name: field[0], Home: field[5], Shell: field[6]}
	groups, err := ask(ctx, "id", "-G", "--", a.Name)
	if err != nil {
		return Account{}, err
	}
	for _, text := range append([]string{field[2], field[3]}, strings.Fields(groups)...) {
		id, err := parseID(text)
		if err != nil {
			return Account{}, err
		}
		a.Groups = append(a.Groups, id)
	}
	a.UID, a.GID, a.Groups = a.Groups[0], a.Groups[1], a.Groups[2:]
	if !slices.Contains(a.Groups, a.GID) {
		return Account{}, fmt.Errorf("id -G %s: %q is without its group %d", a.Name, groups, a.GID)
	}
	// None is better than a wrong one; systemd has it so for User=.
	if !filepath.IsAbs(a.Home) || filepath.Clean(a.Home) == "/" {
		a.Home = ""
	}
	nobody := []string{"nologin", "false", "true"}
	if !filepath.IsAbs(a.Shell) || slices.Contains(nobody, filepath.Base(a.Shell)) {
		a.Shell = ""
	}
	return a, nil
}

// LookupGroup finds a group by name or number, which must not begin with a dash.
func LookupGroup(ctx context.Context, name string) (gid uint32, err error) {
	field, err := getent(ctx, "group", name, 3) // group(5)
	if err != nil {
		return 0, err
	}
	return parseID(field[2])
}

// parseID reads the number of a user or group. The highest one is none: system calls
// take it for "leave it as it is".
func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err == nil && id == math.MaxUint32 {
		err = strconv.ErrRange
	}
	if err != nil {
		return 0, fmt.Errorf("number of a user or group: %w", err)
	}
	return uint32(id), nil
}

// notInDatabase is the exit status of getent(1) where a key is not found.
const notInDatabase = 2

// getent returns the fields of the line of one of the system's databases that has
// the key as its name or its number. Another line is no answer: a directory service
// may know a user by several names, and then says which is the right one.
func getent(ctx context.Context, database, key string, fields int) ([]string, error) {
	line, err := ask(ctx, "getent", database, key)
	var status *exitError
	if errors.As(err, &status) && status.o.ExitStatus == notInDatabase {
		return nil, fmt.Errorf("%q is %w", key, ErrUnknown)
	}
	if err != nil {
		return nil, err
	}
	list := strings.Split(line, ":")
	if len(list) < fields {
		return nil, fmt.Errorf("getent %s %s: %.200q is no line of it", database, key, line)
	}
	name, number := list[0], list[2]
	if wanted, err := strconv.ParseUint(key, 10, 32); key != name && (err != nil || strconv.FormatUint(wanted, 10) != number) {
		return nil, fmt.Errorf("getent %s %s: the answer is for %.200q; use that name if it is the one you mean", database, key, name)
	}
	return list, nil
}

// askPatience is how long a directory service may take to answer.
const askPatience = 30 * time.Second

// ask runs a program of the system and returns the one line that it prints. When ctx
// ends, so does the program. It decides about rights, so it must be out of reach for
// the tasks: it is guarded, it is not looked up in the daemon's PATH, and nothing of
// the daemon's environment goes to it.
func ask(ctx context.Context, name string, args ...string) (line string, err error) {
	path, err := systemProgram(name)
	if err != nil {
		return "", err
	}
	env := []string{"PATH=" + strings.Join(systemDirs(), ":"), "LC_ALL=C"}
	p, err := Start(Spec{Path: path, Args: args, Env: env, Attributes: Attributes{guarded: true}})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { p.Stop(ctx, 0) })()
	o := p.Wait()
	command := strings.Join(append([]string{name}, args...), " ")
	if p.Stopped() {
		return "", fmt.Errorf("%s does not answer: %w", name, ctx.Err())
	}
	if !o.Success() {
		return "", &exitError{command: command, o: o}
	}
	line, rest, ok := strings.Cut(string(o.Stdout.Tail), "\n")
	if !ok || rest != "" || o.Stdout.Total > TailSize {
		return "", fmt.Errorf("%s: the answer is not one line, but %d bytes that end with %.200q", command, o.Stdout.Total, rest)
	}
	return line, nil
}

// systemDirs are the folders of the system's own programs. Nobody but root writes to
// them, other than to /usr/local and to what may be in the daemon's PATH.
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
	return "", fmt.Errorf("the program %s is in none of %s", name, strings.Join(systemDirs(), ", "))
}

// exitError is a program that failed.
type exitError struct {
	command string
	o       Outcome
}

func (e *exitError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s\n%s", e.command, e.o.Reason(), bytes.TrimSpace(e.o.Stderr.Tail)))
}

// Environ returns env as systemd makes it for User=: USER, LOGNAME, HOME and
// SHELL are the account's, and not there at all where it has none; systemd.exec(5).
func (a Account) Environ(env []string) []string {
	env = taskenv.With(env, map[string]string{"USER": a.Name, "LOGNAME": a.Name, "HOME": a.Home, "SHELL": a.Shell})
	return slices.DeleteFunc(env, func(kv string) bool { return kv == "HOME=" || kv == "SHELL=" })
}
