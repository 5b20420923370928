package task

import (
	"strconv"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// Run is the data of one run of one entry: all that has to be known to take it up
// again, and nothing that lives in one process only. It can be written down as JSON.
//
// A run whose verdict is known is not carried out again by [Worker.Do], but settled.
type Run struct {
	Type string
	// ID is GORDON_TASK_ID.
	ID string
	// Slot is the index of its slot in its queue.
	Slot int
	// Payload is the entry, as Redis has it.
	Payload []byte
	// Note is the record of the run in Redis.
	Note store.Note

	Attempt     int // from 1
	MaxAttempts int
	Began       time.Time
	// Deadline is when the run is stopped; the zero value is for never.
	Deadline time.Time
	// Process carries it out; the zero value if there is none.
	Process Process
	// Verdict is the zero value until the run has ended.
	Verdict Verdict
}

// Process identifies a process of this machine; its zero value is none.
type Process struct {
	PID int
}

// Verdict is how a run ended.
type Verdict struct {
	Outcome entry.Outcome
	// Fault is why it failed, for a person, as 1.6.5 has it.
	Fault string
	// Reason precedes Fault in the log, if it is clearer.
	Reason string
	// Hopeless is set if another attempt would fail for the same reason.
	Hopeless bool
	// Exit is how its process ended; the zero value if there was none. Its Err is nil:
	// Fault has that.
	Exit runner.Outcome
	Took time.Duration
}

// ended reports whether the verdict is known.
func (r *Run) ended() bool { return r.Verdict.Outcome != "" }

// conclude sets a verdict that does not depend on how a process ended.
func (r *Run) conclude(as entry.Outcome, fault string) {
	r.Verdict.Outcome, r.Verdict.Fault = as, fault
}

// stopped sets the verdict of a run that did not end by itself. The output of its
// process follows the reason.
func (r *Run) stopped(as entry.Outcome, reason string) {
	r.conclude(as, reason)
	if output := printed(r.Verdict.Exit); output != "" {
		r.Verdict.Fault += "\n" + output
	}
}

// variables are the environment variables that describe the run to its script.
func (r *Run) variables(e entry.Entry) []string {
	env := []string{
		"GORDON_TASK_TYPE=" + r.Type, taskenv.TaskID + "=" + r.ID,
		"GORDON_ATTEMPT=" + strconv.Itoa(r.Attempt), "GORDON_MAX_ATTEMPTS=" + strconv.Itoa(r.MaxAttempts),
	}
	if e.ID != "" {
		env = append(env, "GORDON_ENTRY_ID="+e.ID)
	}
	return env
}
