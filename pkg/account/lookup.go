package account

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrUnknown is wrapped by the errors for a user or group that the system does not have.
var ErrUnknown = errors.New("does not exist on this system")

// LookupUser finds a user by name or number, with its groups. The name must not
// begin with a dash. LookupUser runs getent(1) and id(1), since a user may come from a
// directory service (nsswitch.conf(5)), which a program without the C library cannot
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
		return Account{}, fmt.Errorf("id -G %s: %q lacks the primary group %d", a.Name, groups, a.GID)
	}
	// No home is better than a wrong one; systemd does the same for User=.
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

// parseID reads the number of a user or group. The highest number is invalid: system
// calls take it for "do not change".
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

// notInDatabase is the exit status of getent(1) for a key that it does not find.
const notInDatabase = 2

// getent returns the fields of the line in one of the system's databases that has
// the key as its name or its number. Another line is an error: a directory service
// may know a user by several names, and return the line of another name.
func getent(ctx context.Context, database, key string, fields int) ([]string, error) {
	line, err := ask(ctx, "getent", database, key)
	var status *exitError
	if errors.As(err, &status) && status.o.ExitStatus == notInDatabase {
		return nil, fmt.Errorf("%q %w", key, ErrUnknown)
	}
	if err != nil {
		return nil, err
	}
	list := strings.Split(line, ":")
	if len(list) < fields {
		return nil, fmt.Errorf("getent %s %s: malformed line %.200q", database, key, line)
	}
	name, number := list[0], list[2]
	if wanted, err := strconv.ParseUint(key, 10, 32); key != name && (err != nil || strconv.FormatUint(wanted, 10) != number) {
		return nil, fmt.Errorf("getent %s %s: the result is for %.200q; use that name if you mean that account", database, key, name)
	}
	return list, nil
}
