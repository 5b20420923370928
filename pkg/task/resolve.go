package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/nevsnode/gordon/v2/pkg/account"
	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// resolver makes the plans of a configuration on this machine, and collects the faults.
type resolver struct {
	env      []string
	gate     *runner.Gate
	reserve  *capacity.Reserve // nil where the program ends soon
	plans    map[string]*Plan
	accounts map[string]account.Account // by the name that was looked up

	trouble  error         // the machine could not be asked; it may answer later
	faults   config.Faults // of settings that cannot work on this machine
	rights   config.Faults // of settings for which this process lacks rights
	warnings config.Faults // of programs and folders that may exist before an entry comes
}

// resolvePlans makes the plans of all tasks, and finds their faults.
func resolvePlans(ctx context.Context, c *config.Config, env []string, gate *runner.Gate, reserve *capacity.Reserve) *resolver {
	r := &resolver{env: env, gate: gate, reserve: reserve, plans: make(map[string]*Plan), accounts: make(map[string]account.Account)}
	for _, name := range slices.Sorted(maps.Keys(c.Tasks)) {
		r.plans[name] = r.plan(ctx, c.Tasks[name])
	}
	r.find(c.Needs)
	for _, list := range []config.Faults{r.faults, r.rights, r.warnings} {
		list.Sort(c.Files)
	}
	return r
}

// find warns of files and folders that are not there. A missing error_script would
// be found with the first failure, of which nobody would be told.
func (r *resolver) find(needed []config.Need) {
	for _, p := range needed {
		var err error
		switch p.Kind {
		case config.NeedProgram:
			var path string
			if path, err = r.gate.LookPath(p.Path); err == nil {
				err = runner.CheckProgram(privilege.Attributes{}, path, r.gate)
			}
		case config.NeedLogfile:
			_, err = os.Stat(filepath.Dir(p.Path))
		case config.NeedPassword:
			if !strings.HasPrefix(p.Path, config.CredentialPrefix) {
				_, err = os.Stat(p.Path)
			}
		default:
			_, err = os.Stat(p.Path)
		}
		var why syscall.Errno
		if errors.As(err, &why) {
			err = why // without the path, which may be a password in the wrong place
		}
		if err != nil {
			r.warnings = append(r.warnings, p.Place.Fault(fmt.Errorf("not usable now: %w", err)))
		}
	}
}

// err is every reason why a daemon can't run with the configuration.
func (r *resolver) err() error {
	if r.trouble != nil {
		return r.trouble
	}
	if all := slices.Concat(r.faults, r.rights); len(all) > 0 {
		return all
	}
	return nil
}

// OnlyUnknownAccounts reports whether err is [config.Faults] that are all users or
// groups which were not found. Those may be there later: getent(1) exits with the same
// status whether an account is unknown or the directory service that knows it is away.
func OnlyUnknownAccounts(err error) bool {
	var faults config.Faults
	return errors.As(err, &faults) && !slices.ContainsFunc(faults, func(f config.Fault) bool { return !errors.Is(f, account.ErrUnknown) })
}

func (r *resolver) fault(t config.Task, key, format string, args ...any) {
	r.faults = append(r.faults, t.Origins[key].Fault(fmt.Errorf(format, args...)))
}

// unknown is for an account that was not found. A directory service that does not
// answer is no fault of the configuration, after which systemd would not try again.
func (r *resolver) unknown(t config.Task, key string, err error) {
	if errors.Is(err, account.ErrUnknown) {
		r.fault(t, key, "the %s %w", key, err)
		return
	}
	r.trouble = cmp.Or(r.trouble, fmt.Errorf("looking up the %s of type %q: %w", key, t.Type, err))
}

// plan makes the plan of a task. It is complete only where there is no fault.
func (r *resolver) plan(ctx context.Context, t config.Task) *Plan {
	p := &Plan{Task: t, env: r.env, base: runner.Spec{
		Path: t.Script, KillLeftovers: t.Leftovers == config.LeftoversKill, LeftoverGrace: t.KillGrace,
	}}
	p.base.Attributes = privilege.Attributes{
		Dir: t.Process.WorkingDirectory, Umask: t.Process.Umask, Nice: t.Process.Nice, IO: ioPriority(t.Process.IONice), OOMScoreAdj: t.Process.OOMScoreAdj,
	}
	if !r.identify(ctx, p) {
		return p
	}
	for _, name := range slices.Sorted(maps.Keys(t.Env.Set)) {
		if taskenv.Withheld(name) {
			r.fault(t, "environment."+name, "is reserved for systemd and gordon and is not passed to scripts")
		}
	}
	p.env = taskenv.With(p.env, t.Env.Set)
	r.try(t, p.base.Attributes)
	return p
}

// try tries out the attributes one by one, so that a fault has a place.
func (r *resolver) try(t config.Task, a privilege.Attributes) {
	// Each try of attributes uses a thread up.
	if err := r.reserve.Fill(); err != nil && a != (privilege.Attributes{OOMScoreAdj: a.OOMScoreAdj}) {
		r.trouble = cmp.Or(r.trouble, fmt.Errorf("testing the attributes of type %q: %w", t.Type, err))
		return
	}
	who := privilege.Attributes{User: a.User}
	if err := runner.Check(who, r.gate); err != nil {
		r.rights = append(r.rights, cmp.Or(t.Origins["user"], t.Origins["group"]).Fault(err))
		return // all else would fail for the same reason
	}
	for _, one := range []struct {
		key   string
		alone privilege.Attributes
	}{{"nice", privilege.Attributes{Nice: a.Nice}}, {"ionice", privilege.Attributes{IO: a.IO}}, {"oom_score_adj", privilege.Attributes{OOMScoreAdj: a.OOMScoreAdj}}} {
		if err := runner.Check(one.alone, r.gate); err != nil {
			r.rights = append(r.rights, t.Origins[one.key].Fault(err))
		}
	}
	where := privilege.Attributes{User: a.User, Dir: a.Dir}
	if err := runner.Check(where, r.gate); err != nil {
		r.warnings = append(r.warnings, t.Origins["working_directory"].Fault(fmt.Errorf("no task can start now: %w", err)))
	}
	if err := runner.CheckProgram(who, t.Script, r.gate); err != nil {
		if strings.Contains(t.Script, " ") && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf(`%w (a string is a path without arguments; with arguments use an array: ["/usr/bin/php", "worker.php"])`, err)
		}
		r.warnings = append(r.warnings, t.Origins["script"].Fault(fmt.Errorf("cannot be started now: %w", err)))
	}
}

// ioPriority is a priority with the kernel's number of its class.
func ioPriority(p config.IONice) privilege.IOPriority {
	classes := map[string]privilege.IOClass{config.IORealtime: privilege.IORealTime, config.IOBestEffort: privilege.IOBestEffort, config.IOIdle: privilege.IOIdle}
	return privilege.IOPriority{Class: classes[p.Class], Level: p.Level}
}
