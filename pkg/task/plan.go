package task

import (
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// Plans are the plans of all task types of a configuration on this machine. They are
// immutable: a reload makes new ones, for the tasks that start afterwards.
type Plans struct {
	// Types has the plan of each task type.
	Types map[string]*Plan
	// StopOnLeaseLoss is set if running tasks are to be stopped when another host may
	// take over their entries (on_lease_loss).
	StopOnLeaseLoss bool
	// KillGrace is the time from SIGTERM to SIGKILL for the error_script.
	KillGrace time.Duration

	planner     *Planner
	tasks       map[string]config.Task
	errorScript string // "" = none
	tempDir     *output.TempDir
}

// Plan is how the entries of a type are carried out: the configuration, with its users,
// groups and folders looked up on this machine. It is made at a start or reload, so that a
// directory service need not be asked for each entry. It is immutable.
type Plan struct {
	config.Task
	all  *Plans
	base runner.Spec // the parts that are the same for all entries
	env  []string    // the environment below that of the entry
}

func newPlans(p *Planner, c *config.Config, types map[string]*Plan) *Plans {
	all := &Plans{
		Types: types, StopOnLeaseLoss: c.OnLeaseLoss == config.LeaseLossStop, KillGrace: c.KillGrace,
		planner: p, tasks: c.Tasks, errorScript: c.ErrorScript, tempDir: output.NewTempDir(c.TempDir),
	}
	for _, t := range types {
		t.all = all
		p.share(&t.base)
	}
	return all
}

// SetTotals sets the limits of all runs of a type together. A limit that cannot be set
// is logged.
func (p *Plans) SetTotals() {
	if p.planner.Groups == nil {
		return
	}
	if err := p.planner.Groups.Configure(p.tasks); err != nil {
		p.planner.Log.Error("setting a limit for all runs of a type failed", output.KeyError, err.Error())
	}
}

// CountAbandoned counts an entry that failed without a run that ended here.
func (p *Plans) CountAbandoned() { p.planner.Counters.Abandoned() }

// FailOnCrash reports whether an entry must not run a second time when its daemon dies.
func (p *Plan) FailOnCrash() bool { return p.OnCrash == config.CrashFail }

// Keep limits the failed list of the type, for a record that is kept at least for ttl.
func (p *Plan) Keep(ttl time.Duration) store.Keep {
	return store.Keep{TTL: ttl, Records: p.Failed.Max, Bytes: int64(p.Failed.MaxSize)}
}

// spec is the process for one entry. own are the variables that gordon sets.
func (p *Plan) spec(e entry.Entry, id string, own []string) (runner.Spec, error) {
	policy := taskenv.Policy{AllowUnsafe: p.Env.AllowUnsafe, Only: p.Env.Allow}
	env, err := taskenv.Build(p.env, e.Env, own, policy)
	if err != nil {
		return runner.Spec{}, err
	}
	s := p.base
	s.Env, s.Marker = env, id
	if p.Stdin == config.StdinEntry {
		// The entry on standard input has its arguments. Passed as arguments too, they
		// would have to obey the limits of the kernel, which stdin = "entry" avoids.
		s.Stdin, s.Args = e.JSON, p.ScriptArgs
		return s, nil
	}
	s.Args = e.Args
	if len(p.ScriptArgs) > 0 { // else not copied: there may be millions
		s.Args = slices.Concat(p.ScriptArgs, e.Args)
	}
	return s, nil
}

// share sets the fields that are the same for all starts of this daemon.
func (p *Planner) share(s *runner.Spec) {
	s.Gate, s.Drain, s.Reserve, s.DaemonGot = p.gate, p.drain, p.reserve, p.Signals.got
}
