package task

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/account"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// Judge is the user in whose place a configuration is checked without a daemon. The zero
// value has fewer rights than the daemon.
type Judge struct {
	// User is whose rights the daemon has, if that is known: this process has them.
	User string
	// NoRights is set if the daemon has no capabilities.
	NoRights bool
}

// UnitJudge returns the judge for the daemon of a unit of systemd: its User=, and
// whether it has AmbientCapabilities=. The user is "" where systemd knows of none.
func UnitJudge(ctx context.Context, unit string) Judge {
	if unit == "" {
		return Judge{}
	}
	user, err := account.UnitProperty(ctx, unit, "User")
	if err != nil || user == "" {
		return Judge{}
	}
	caps, err := account.UnitProperty(ctx, unit, "AmbientCapabilities")
	return Judge{User: user, NoRights: err == nil && caps == ""}
}

// Become gives root's rights away for those of the judge, for good.
func (j Judge) Become(ctx context.Context) error {
	user, err := account.LookupUser(ctx, j.User)
	if err != nil {
		return fmt.Errorf("the user %w", err)
	}
	return user.Identity().Become()
}

// Check examines all that a configuration names on this machine: users, groups, folders,
// programs, files. The error, [config.Faults], has the faults for which a daemon would
// refuse to start. Doubts are faults for which it would only warn, and checks for which
// this process lacks rights that the daemon has.
func Check(ctx context.Context, c *config.Config, j Judge) (doubts []string, err error) {
	gate := runner.NewGate()
	defer gate.Close()
	r := resolvePlans(ctx, c, os.Environ(), gate, nil)
	r.judge(c, os.Getenv("CREDENTIALS_DIRECTORY") == "", j.User != "" || os.Geteuid() == 0)
	if j.NoRights {
		r.faults, r.rights = append(r.faults, r.rights...), nil
		r.faults.Sort(c.Files)
	}
	doubts = lines(r.rights, r.warnings)
	if r.trouble != nil {
		doubts = append(doubts, r.trouble.Error())
	}
	if len(c.Limits) > 0 {
		doubts = append(doubts, "limits need control groups: only a running gordon can check them")
	}
	if len(r.faults) > 0 {
		return doubts, r.faults
	}
	return doubts, nil
}

// Check is [Check] by the daemon itself, which has all rights and credentials. Nothing
// changes.
func (p *Planner) Check(ctx context.Context, c *config.Config) (doubts []string, err error) {
	found, err := p.resolve(ctx, c, func(r *resolver) error {
		r.judge(c, false, true)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lines(found.warnings), found.err()
}

// CheckAccounts returns the faults of a configuration that [config.Load] refuses
// already: users and groups that this machine does not know.
func CheckAccounts(ctx context.Context, accounts []config.Account) (faults config.Faults) {
	for _, a := range accounts {
		_, err := account.LookupUser(ctx, a.Name)
		key := "user"
		if a.Group {
			_, err = account.LookupGroup(ctx, a.Name)
			key = "group"
		}
		if errors.Is(err, account.ErrUnknown) {
			faults = append(faults, a.Place.Fault(fmt.Errorf("the %s %w", key, err)))
		}
	}
	return faults
}

func lines(lists ...config.Faults) (all []string) {
	for _, f := range slices.Concat(lists...) {
		all = append(all, f.Error())
	}
	return all
}

// judge finds faults for which a daemon would refuse to start or could never connect: of
// the logfile, passwords and certificates. A file that this process may not read is a
// doubt, unless the process has the rights of the daemon. Credentials that only the daemon
// can read are left out.
func (r *resolver) judge(c *config.Config, noCredentials, rights bool) {
	for _, n := range c.Needs {
		var err error
		switch n.Kind {
		case config.NeedLogfile:
			err = output.CheckLogfile(n.Path)
		case config.NeedPassword:
			if noCredentials && strings.HasPrefix(n.Path, config.CredentialPrefix) {
				continue
			}
			err = store.Login{PasswordFile: n.Path}.Check()
		case config.NeedAuthorities:
			err = store.TLS{CAFile: n.Path}.Check()
		case config.NeedCertificate:
			err = store.TLS{CertFile: n.Path, KeyFile: n.Key}.Check()
		default:
			continue
		}
		at := n.Place.Fault(errors.New(""))
		known := func(f config.Fault) bool { return f.File == at.File && f.Line == at.Line && f.Key == at.Key }
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrPermission) && !rights:
			r.warnings = append(slices.DeleteFunc(r.warnings, known), n.Place.Fault(fmt.Errorf("not accessible for this user: %w", err)))
		default:
			r.warnings = slices.DeleteFunc(r.warnings, known)
			r.faults = append(r.faults, n.Place.Fault(err))
		}
	}
	r.faults.Sort(c.Files)
	r.warnings.Sort(c.Files)
}
