package config

import "time"

// Task is the configuration of one task type. Its maps and slices are never changed: a
// reload makes a new Task.
type Task struct {
	Type       string   // name of the type, second part of its Redis keys
	Script     string   // absolute path of the program to run
	ScriptArgs []string // its first arguments, before those of the entry
	Workers    int      // maximum of tasks that run at once, 1 or more

	// Priority and Weight choose the next task if MaxRunning is reached: a task of
	// the type with the highest priority. Types of equal priority get turns in
	// proportion to their weights.
	Priority int // -100 to 100
	Weight   int // 1 to 10000

	FailOnOutput FailOnOutput
	OnCrash      OnCrash
	Timeout      time.Duration // maximum duration of a run; 0 = no limit
	KillGrace    time.Duration // from SIGTERM to SIGKILL
	Leftovers    Leftovers
	Failed       FailedList
	Backoff      Backoff
	Retry        Retry

	Limits Limits // of each run
	Total  Limits // of all runs of the type together

	Env     Env
	Stdin   Stdin
	Process Process

	// Origins has the place of each key that the task itself sets, by its name in
	// the table, for faults that only the machine shows.
	Origins map[string]Origin
}

// FailOnOutput is the output that makes a task fail although its exit status is 0.
type FailOnOutput string

// The values of fail_on_output.
const (
	FailOnAny    FailOnOutput = "any"    // on standard output or standard error
	FailOnStdout FailOnOutput = "stdout" // on standard output, as in the code of 1.6.5
	FailOnNone   FailOnOutput = "none"   // only the exit status counts
)

// OnCrash is the treatment of an entry whose daemon died while it ran.
type OnCrash string

// The values of on_crash.
const (
	CrashRequeue OnCrash = "requeue" // it runs again, at most 3 times in 72 h, then it goes to the failed list
	CrashFail    OnCrash = "fail"    // it goes to the failed list and never runs again
)

// Leftovers is the treatment of processes that are left when a task has exited.
type Leftovers string

// The values of leftovers.
const (
	LeftoversAllow Leftovers = "allow" // they continue
	LeftoversKill  Leftovers = "kill"  // they get SIGTERM, and SIGKILL after KillGrace
)

// FailedList describes the list of failed entries of a type. If a limit is exceeded,
// the oldest records are removed.
type FailedList struct {
	TTL     time.Duration // after the last push, in whole seconds; 0 = no list
	Max     int           // number of records; 0 = no limit
	MaxSize Bytes         // memory in Redis; 0 = no limit

	MessageMax Bytes // of the error_message in a record, with its escapes
}

// Backoff describes the pause of a type after a failed task. After n failures in a row
// it is Min * Factor^(n-1), at most Max. Backoff is comparable: a reload that changes
// it resets the count.
type Backoff struct {
	Enabled bool
	Min     time.Duration // 100 ms or more
	Max     time.Duration // Min or more
	Factor  float64       // 1 or more
}

// Env describes the environment of a task.
type Env struct {
	Set         map[string]string // overrides the daemon's variables; an entry overrides these
	Allow       []string          // variables that an entry may set; nil = all, empty = none
	AllowUnsafe bool              // an entry may set LD_PRELOAD and the like
}

// Stdin is the standard input of a script.
type Stdin string

// The values of stdin.
const (
	StdinEmpty Stdin = "empty" // nothing
	StdinEntry Stdin = "entry" // the entry; its arguments are not passed in addition
)

// Process holds the attributes of a task's process. Zero values and nil mean those of
// the daemon.
type Process struct {
	User, Group      string // names or numbers
	WorkingDirectory string // absolute, or HomeDir if there is a User
	Umask            *int   // 0 to 0o777
	Nice             *int   // -20 to 19
	IONice           IONice
	OOMScoreAdj      *int // -1000 to 1000
}

// HomeDir is the working directory of a task that starts in the home of its user.
const HomeDir = "~"

// IONice is an I/O priority: a class, as ionice(1) names it, and its level, 0 to 7. The
// class idle has no levels.
type IONice struct {
	Class string
	Level int
}

// The classes of I/O priorities.
const (
	IORealtime   = "realtime"
	IOBestEffort = "best-effort"
	IOIdle       = "idle"
)
