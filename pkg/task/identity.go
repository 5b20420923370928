package task

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strconv"

	"github.com/nevsnode/gordon/v2/pkg/account"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
)

// identify finds the user and the groups of the task.
func (r *resolver) identify(ctx context.Context, p *Plan) (known bool) {
	t, uid, gid := p.Task, uint32(os.Geteuid()), uint32(os.Getegid())
	is := privilege.Identity{UID: uid, GID: gid}
	var a account.Account
	if t.Process.User != "" {
		var err error
		if a, err = r.account(ctx, t.Process.User); err != nil {
			r.unknown(t, "user", err)
			return false
		}
		is = privilege.Identity{Name: a.Name, UID: a.UID, GID: a.GID, Groups: a.Groups}
		p.env = a.Environ(p.env)
	}
	if t.Process.Group != "" {
		group, err := account.LookupGroup(ctx, t.Process.Group)
		if err != nil {
			r.unknown(t, "group", err)
			return false
		}
		// It takes the place of the user's own group, as with initgroups(3).
		is.Groups = append(slices.DeleteFunc(slices.Clone(is.Groups), func(g uint32) bool { return g == a.GID || g == group }), group)
		is.Name, is.GID, is.KeepGroups = cmp.Or(is.Name, t.Process.Group), group, t.Process.User == ""
	}
	if !r.rootIsMeant(t, is) {
		return false
	}
	if is.UID != uid || is.GID != gid {
		p.base.User = &is
	}
	if t.Process.WorkingDirectory == config.HomeDir {
		if a.Home == "" {
			r.fault(t, "working_directory", "the user %s has no home", a.Name)
			return false
		}
		p.base.Dir = a.Home
	}
	return true
}

// rootIsMeant reports whether the configuration itself names root wherever the task
// would have root's number. The system's databases alone make nobody root: a
// directory service may be wrong, or somebody's.
func (r *resolver) rootIsMeant(t config.Task, is privilege.Identity) bool {
	switch {
	case namesRoot(t.Process.User) || t.Process.User == "" && t.Process.Group == "":
		return true
	case t.Process.User != "" && is.UID == 0:
		r.fault(t, "user", "the user %s has uid 0; if you mean root, set user = \"root\"", t.Process.User)
	case t.Process.Group != "" && is.GID == 0 && !namesRoot(t.Process.Group):
		r.fault(t, "group", "the group %s has gid 0; if you mean root's group, set group = \"root\"", t.Process.Group)
	case is.GID != 0 && !slices.Contains(is.Groups, 0) || namesRoot(t.Process.Group):
		return true
	default:
		r.fault(t, "user", "the user %s is in the group with gid 0; if you mean that, set group = \"root\"", t.Process.User)
	}
	return false
}

// namesRoot reports whether a user or group of the configuration is root.
func namesRoot(name string) bool {
	n, err := strconv.ParseUint(name, 10, 32)
	return name == "root" || err == nil && n == 0
}

// account looks a user up, once for all tasks.
func (r *resolver) account(ctx context.Context, name string) (account.Account, error) {
	if a, ok := r.accounts[name]; ok {
		return a, nil
	}
	if err := r.reserve.Fill(); err != nil {
		return account.Account{}, err
	}
	a, err := account.LookupUser(ctx, name)
	if err == nil {
		r.accounts[name] = a
	}
	return a, err
}
