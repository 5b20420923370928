package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// SystemPath is where a packaged gordon looks for its configuration.
const SystemPath = "/etc/gordon.toml"

// LegacyName is the file that Gordon 1.x looked for beside its binary.
const LegacyName = "gordon.config.toml"

// Config is the resolved, validated configuration: defaults are applied, what
// stands at the top of the file is inherited by the tasks, paths are absolute.
type Config struct {
	Path  string   // main file, as it was given to Load
	Files []string // all files read, in order: the main file, then its drop-ins

	RedisNetwork string // "tcp" or "unix"
	RedisAddress string // host:port, or the absolute path of a socket; "" if and only if Sentinels tell it
	Redis        Redis  // how to log in to Redis and find it
	QueueKey     string // first part of the name of every Redis key; never empty

	// ErrorScript runs when a task has failed; "" = none. It is kept as it was
	// written, as in 1.6.5: without a slash it is a name to look up in PATH,
	// with one a path that may be relative to the working directory.
	ErrorScript string
	TempDir     string // absolute; for the files that ErrorScript is given
	Logfile     string // absolute; "" = none

	StartTimeout    time.Duration // how long Redis is tried at the start
	ShutdownTimeout time.Duration // how long a stop waits for running tasks
	KillGrace       time.Duration // from SIGTERM to SIGKILL, for what is no task

	MaxRunning int // how many tasks may run at once, of all types; 0 = no bound

	OnLeaseLoss OnLeaseLoss // what becomes of running tasks when the lease could not be renewed

	Stats   Stats
	Tasks   map[string]Task // by type; never nil
	Limits  []LimitKey      // the limits that tasks have, by type
	Needs   []Need          // what has to be there besides what tasks need
	Notices []string        // accepted keys without effect and the like, one sentence each
}

// Stats says where the statistics are served over HTTP.
type Stats struct {
	Interface   string // host:port, the host may be empty; "" = not served
	Pattern     string // path of the statistics, begins with "/"
	TLSCertFile string // absolute; "" = plain HTTP
	TLSKeyFile  string // absolute; set if and only if TLSCertFile is
}

// Task is the configuration of one task type. What it points to is never changed:
// a reload makes new ones.
type Task struct {
	Type       string   // name of the type, second part of its Redis keys
	Script     string   // absolute path of the program to run
	ScriptArgs []string // its first arguments; those of the entry follow
	Workers    int      // how many may run at once, 1 or more

	// Priority and Weight say whose task is next where MaxRunning lets no more
	// run: that of a type with the highest priority, and among those each type
	// in proportion to its weight.
	Priority int // -100 to 100
	Weight   int // 1 to 10000

	FailOnOutput FailOnOutput
	OnCrash      OnCrash
	Timeout      time.Duration // maximum duration of a run; 0 = no limit
	KillGrace    time.Duration // from SIGTERM to SIGKILL
	Leftovers    Leftovers     // treatment of processes that outlive their task
	Failed       FailedList
	Backoff      Backoff
	Retry        Retry

	Limits Limits // of each run
	Total  Limits // of all runs of the type together

	Env     Env
	Stdin   Stdin
	Process Process

	// Origins says where keys were written whose values only the machine can
	// judge, by the names of the keys in the table.
	Origins map[string]Origin
}

// FailedList describes the list of failed entries of a type. If a bound is
// exceeded, the oldest records are removed.
type FailedList struct {
	TTL     time.Duration // after the last push, in whole seconds; 0 = no list
	Max     int           // number of records; 0 = no bound
	MaxSize Bytes         // memory in Redis; 0 = no bound
}

// Env describes the environment of a task.
type Env struct {
	Set         map[string]string // overrides the daemon's variables; an entry overrides these
	Allow       []string          // variables that an entry may set; nil = all, empty = none
	AllowUnsafe bool              // an entry may set LD_PRELOAD and the like
}

// Process holds the attributes of a task's process. Zero values and nil mean
// those of the daemon.
type Process struct {
	User, Group      string // names or numbers
	WorkingDirectory string // absolute, or HomeDir if there is a User
	Umask            *int   // 0 to 0o777
	Nice             *int   // -20 to 19
	IONice           IONice
	OOMScoreAdj      *int // -1000 to 1000
}

// Stdin says what a script reads as its standard input.
type Stdin string

// The values of stdin.
const (
	StdinEmpty Stdin = "empty" // nothing
	StdinEntry Stdin = "entry" // the entry, whose arguments then come nowhere else
)

// HomeDir is the working directory of a task that begins in its user's home.
const HomeDir = "~"

// IONice is a class of I/O priorities, by the names of ionice(1), and the level
// in it, 0 to 7. The class idle has no levels. The zero value is the daemon's own.
type IONice struct {
	Class string // "realtime", "best-effort" or "idle"
	Level int
}

// Backoff says how long a type rests after a failed task. The n-th failure in a
// row rests Min * Factor^(n-1), at most Max. It is comparable: a reload that
// changes it begins anew.
type Backoff struct {
	Enabled bool
	Min     time.Duration // 100 ms or more
	Max     time.Duration // Min or more
	Factor  float64       // 1 or more
}

// FailOnOutput says which output makes a task count as failed though it exited
// with 0.
type FailOnOutput string

// The values of fail_on_output.
const (
	FailOnAny    FailOnOutput = "any"    // anything on standard output or standard error
	FailOnStdout FailOnOutput = "stdout" // anything on standard output, as the code of 1.6.5 did
	FailOnNone   FailOnOutput = "none"   // only the exit status counts
)

// OnCrash says what becomes of an entry whose daemon died while it ran.
type OnCrash string

// The values of on_crash.
const (
	CrashRequeue OnCrash = "requeue" // it runs again, at most 3 times in 72 h, then it goes to the failed list
	CrashFail    OnCrash = "fail"    // it goes to the failed list: never a second run
)

// Leftovers says what becomes of the processes that a task leaves behind when it
// has ended by itself.
type Leftovers string

// The values of leftovers.
const (
	LeftoversAllow Leftovers = "allow" // they go on
	LeftoversKill  Leftovers = "kill"  // they are ended: SIGTERM, and SIGKILL after KillGrace
)

// OnLeaseLoss says what a daemon does with its running tasks when it could not
// renew its lease in Redis for so long that another host may soon take over their
// entries.
type OnLeaseLoss string

// The values of on_lease_loss.
const (
	LeaseLossContinue OnLeaseLoss = "continue" // they go on to their end; they may run twice
	LeaseLossStop     OnLeaseLoss = "stop"     // they are killed before another host may start them
)

// Path says which file to load: flag if it is set; else [SystemPath] if there is
// one; else [LegacyName] in binDir, the folder of the binary.
func Path(flag, binDir string) string {
	return choosePath(flag, SystemPath, binDir)
}

func choosePath(flag, system, binDir string) string {
	if flag != "" {
		return flag
	}
	// Any error but "not there" is left for Load to report: falling through to
	// another file because /etc can't be looked at would hide it.
	if _, err := os.Stat(system); !errors.Is(err, fs.ErrNotExist) {
		return system
	}
	return filepath.Join(binDir, LegacyName)
}
