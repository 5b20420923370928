package account

import (
	"slices"

	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// Account is a user of the system.
type Account struct {
	Name     string
	UID, GID uint32
	Groups   []uint32 // all groups, GID among them
	Home     string   // absolute; "" = none
	Shell    string   // absolute; "" = none, or one that permits no login
}

// Identity returns the account's user and groups.
func (a Account) Identity() *privilege.Identity {
	return &privilege.Identity{Name: a.Name, UID: a.UID, GID: a.GID, Groups: a.Groups}
}

// Environ returns env with the variables that systemd sets for User=: USER, LOGNAME, HOME
// and SHELL are the account's; systemd.exec(5). A variable for which the account has no
// value is removed.
func (a Account) Environ(env []string) []string {
	env = taskenv.With(env, map[string]string{"USER": a.Name, "LOGNAME": a.Name, "HOME": a.Home, "SHELL": a.Shell})
	return slices.DeleteFunc(env, func(kv string) bool { return kv == "HOME=" || kv == "SHELL=" })
}
