package taskqueue

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
	"strconv"
	"strings"
	"syscall"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// command is how the entries of a type are run: what the configuration says, and
// what this machine makes of it. It is found out at a start or reload, so that a
// directory service need not be asked for each entry. It is immutable.
type command struct {
	task config.Task
	base runner.Spec // what is the same for all entries
	env  []string    // the environment under that of the entry
}

// spec is what to run for one entry; own are the variables that gordon sets.
func (c *command) spec(e entry.Entry, id string, own []string) (runner.Spec, error) {
	policy := taskenv.Policy{AllowUnsafe: c.task.Env.AllowUnsafe, Only: c.task.Env.Allow}
	env, err := taskenv.Build(c.env, e.Env, own, policy)
	if err != nil {
		return runner.Spec{}, err
	}
	s := c.base
	s.Env, s.Marker = env, id
	if c.task.Stdin == config.StdinEntry {
		// The arguments are in it. As arguments too they would be bound by the
		// kernel's limits, which this is the way around.
		s.Stdin, s.Args = e.JSON, c.task.ScriptArgs
		return s, nil
	}
	s.Args = e.Args
	if len(c.task.ScriptArgs) > 0 { // else not copied: there may be millions
		s.Args = slices.Concat(c.task.ScriptArgs, e.Args)
	}
	return s, nil
}

// survey is what a configuration means on this machine.
type survey struct {
	env      []string
	gate     *runner.Gate
	reserve  *runner.Reserve // nil where the program ends soon
	commands map[string]*command
	accounts map[string]runner.Account // by the name that was looked up

	trouble  error         // the machine could not be asked; it may answer later
	faults   config.Faults // what cannot work anywhere on this machine
	rights   config.Faults // what this process may not do
	warnings config.Faults // what may yet be put right before an entry comes
}

// look surveys all tasks.
func look(ctx context.Context, c *config.Config, env []string, gate *runner.Gate, reserve *runner.Reserve) *survey {
	s := &survey{env: env, gate: gate, reserve: reserve, commands: make(map[string]*command), accounts: make(map[string]runner.Account)}
	for _, name := range slices.Sorted(maps.Keys(c.Tasks)) {
		s.commands[name] = s.command(ctx, c.Tasks[name])
	}
	s.find(c.Needs)
	for _, list := range []config.Faults{s.faults, s.rights, s.warnings} {
		list.Sort(c.Files)
	}
	return s
}

// find warns of files and folders that are not there. A missing error_script would
// be found with the first failure, of which nobody would be told.
func (s *survey) find(needed []config.Need) {
	for _, p := range needed {
		var err error
		switch p.Kind {
		case config.NeedProgram:
			var path string
			if path, err = s.gate.LookPath(p.Path); err == nil {
				err = runner.Attributes{}.CheckProgram(path, s.gate)
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
			err = why // not what was taken for a path: it may be a password
		}
		if err != nil {
			s.warnings = append(s.warnings, p.Place.Fault(fmt.Errorf("cannot be used now: %w", err)))
		}
	}
}

// err is every reason why a daemon can't run with the configuration.
func (s *survey) err() error {
	if s.trouble != nil {
		return s.trouble
	}
	if all := slices.Concat(s.faults, s.rights); len(all) > 0 {
		return all
	}
	return nil
}

// OnlyUnknownAccounts reports whether err is [config.Faults] that are all users or
// groups which were not found. Those may be there later: getent(1) exits with the same
// status whether an account is unknown or the directory service that knows it is away.
func OnlyUnknownAccounts(err error) bool {
	var faults config.Faults
	return errors.As(err, &faults) && !slices.ContainsFunc(faults, func(f config.Fault) bool { return !errors.Is(f, runner.ErrUnknown) })
}

func (s *survey) fault(t config.Task, key, format string, args ...any) {
	s.faults = append(s.faults, t.Origins[key].Fault(fmt.Errorf(format, args...)))
}

// unknown is for an account that was not found. A directory service that does not
// answer is no fault of the configuration, after which systemd would not try again.
func (s *survey) unknown(t config.Task, key string, err error) {
	if errors.Is(err, runner.ErrUnknown) {
		s.fault(t, key, "the %s %w", key, err)
		return
	}
	s.trouble = cmp.Or(s.trouble, fmt.Errorf("looking for the %s of type %q: %w", key, t.Type, err))
}

// command makes the command of a task. It is complete only where there is no fault.
func (s *survey) command(ctx context.Context, t config.Task) *command {
	c := &command{task: t, env: s.env, base: runner.Spec{Path: t.Script, Gate: s.gate}}
	c.base.Attributes = runner.Attributes{
		Dir: t.Process.WorkingDirectory, Umask: t.Process.Umask, Nice: t.Process.Nice, IO: ioPriority(t.Process.IONice), OOMScoreAdj: t.Process.OOMScoreAdj,
	}
	if !s.identify(ctx, c) {
		return c
	}
	for _, name := range slices.Sorted(maps.Keys(t.Env.Set)) {
		if taskenv.Withheld(name) {
			s.fault(t, "environment."+name, "belongs to systemd and gordon, and never reaches a script")
		}
	}
	c.env = taskenv.With(c.env, t.Env.Set)
	s.try(t, c.base.Attributes)
	return c
}

// identify finds out who runs the task.
func (s *survey) identify(ctx context.Context, c *command) (known bool) {
	t, uid, gid := c.task, uint32(os.Geteuid()), uint32(os.Getegid())
	is := runner.Identity{UID: uid, GID: gid}
	var a runner.Account
	if t.Process.User != "" {
		var err error
		if a, err = s.account(ctx, t.Process.User); err != nil {
			s.unknown(t, "user", err)
			return false
		}
		is = runner.Identity{Name: a.Name, UID: a.UID, GID: a.GID, Groups: a.Groups}
		c.env = a.Environ(c.env)
	}
	if t.Process.Group != "" {
		group, err := runner.LookupGroup(ctx, t.Process.Group)
		if err != nil {
			s.unknown(t, "group", err)
			return false
		}
		// It takes the place of the user's own group, as with initgroups(3).
		is.Groups = append(slices.DeleteFunc(slices.Clone(is.Groups), func(g uint32) bool { return g == a.GID || g == group }), group)
		is.Name, is.GID, is.KeepGroups = cmp.Or(is.Name, t.Process.Group), group, t.Process.User == ""
	}
	if !s.rootIsMeant(t, is) {
		return false
	}
	if is.UID != uid || is.GID != gid {
		c.base.User = &is
	}
	if t.Process.WorkingDirectory == config.HomeDir {
		if a.Home == "" {
			s.fault(t, "working_directory", "the user %s has no home", a.Name)
			return false
		}
		c.base.Dir = a.Home
	}
	return true
}

// rootIsMeant reports whether the configuration itself names root wherever the task
// would have root's number. The system's databases alone make nobody root: a
// directory service may be wrong, or somebody's.
func (s *survey) rootIsMeant(t config.Task, is runner.Identity) bool {
	switch {
	case namesRoot(t.Process.User) || t.Process.User == "" && t.Process.Group == "":
		return true
	case t.Process.User != "" && is.UID == 0:
		s.fault(t, "user", "the user %s has the number 0; if root is meant, user = \"root\" says so", t.Process.User)
	case t.Process.Group != "" && is.GID == 0 && !namesRoot(t.Process.Group):
		s.fault(t, "group", "the group %s has the number 0; if root's is meant, group = \"root\" says so", t.Process.Group)
	case is.GID != 0 && !slices.Contains(is.Groups, 0) || namesRoot(t.Process.Group):
		return true
	default:
		s.fault(t, "user", "the user %s is in root's group, with the number 0; if that is meant, group = \"root\" says so", t.Process.User)
	}
	return false
}

// namesRoot reports whether a user or group of the configuration is root.
func namesRoot(name string) bool {
	n, err := strconv.ParseUint(name, 10, 32)
	return name == "root" || err == nil && n == 0
}

// account looks a user up, once for all tasks.
func (s *survey) account(ctx context.Context, name string) (runner.Account, error) {
	if a, ok := s.accounts[name]; ok {
		return a, nil
	}
	if err := s.reserve.Fill(); err != nil {
		return runner.Account{}, err
	}
	a, err := runner.LookupUser(ctx, name)
	if err == nil {
		s.accounts[name] = a
	}
	return a, err
}

// try tries out the attributes one by one, so that a fault has a place.
func (s *survey) try(t config.Task, a runner.Attributes) {
	// Each try of attributes uses a thread up.
	if err := s.reserve.Fill(); err != nil && a != (runner.Attributes{OOMScoreAdj: a.OOMScoreAdj}) {
		s.trouble = cmp.Or(s.trouble, fmt.Errorf("trying out the attributes of type %q: %w", t.Type, err))
		return
	}
	who := runner.Attributes{User: a.User}
	if err := who.Check(s.gate); err != nil {
		s.rights = append(s.rights, cmp.Or(t.Origins["user"], t.Origins["group"]).Fault(err))
		return // all else would fail for the same reason
	}
	for _, one := range []struct {
		key   string
		alone runner.Attributes
	}{{"nice", runner.Attributes{Nice: a.Nice}}, {"ionice", runner.Attributes{IO: a.IO}}, {"oom_score_adj", runner.Attributes{OOMScoreAdj: a.OOMScoreAdj}}} {
		if err := one.alone.Check(s.gate); err != nil {
			s.rights = append(s.rights, t.Origins[one.key].Fault(err))
		}
	}
	where := runner.Attributes{User: a.User, Dir: a.Dir}
	if err := where.Check(s.gate); err != nil {
		s.warnings = append(s.warnings, t.Origins["working_directory"].Fault(fmt.Errorf("no task can start now: %w", err)))
	}
	if err := who.CheckProgram(t.Script, s.gate); err != nil {
		if strings.Contains(t.Script, " ") && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf(`%w (a path has no arguments; with some it is an array: ["/usr/bin/php", "worker.php"])`, err)
		}
		s.warnings = append(s.warnings, t.Origins["script"].Fault(fmt.Errorf("cannot be started now: %w", err)))
	}
}

// ioPriority is a priority with the kernel's number of its class.
func ioPriority(p config.IONice) runner.IOPriority {
	classes := map[string]runner.IOClass{"realtime": runner.IORealTime, "best-effort": runner.IOBestEffort, "idle": runner.IOIdle}
	return runner.IOPriority{Class: classes[p.Class], Level: p.Level}
}
