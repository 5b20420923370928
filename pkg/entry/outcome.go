package entry

// Outcome is how a run ended, as the log, the failed list and the statistics name it.
// This is the only list of them.
type Outcome string

// The outcomes of a run.
const (
	OutcomeOK          Outcome = "ok"
	OutcomeFailed      Outcome = "failed"      // the exit status was not 0
	OutcomeSignal      Outcome = "signal"      // a signal ended the task
	OutcomeOutput      Outcome = "output"      // it wrote, and fail_on_output forbids that
	OutcomeNotStarted  Outcome = "not started" // there was no process
	OutcomeUnreadable  Outcome = Unreadable    // the entry cannot be decoded
	OutcomeReturned    Outcome = "returned"    // it was stopped, and its entry goes back to the queue
	OutcomeStopped     Outcome = "stopped"     // it was stopped, and on_crash = "fail" forbids another run
	OutcomeTakenOver   Outcome = "taken over"  // it was stopped, because another host has its entry
	OutcomeTimedOut    Outcome = "timed out"
	OutcomeOutOfMemory Outcome = "out of memory"
	OutcomeCancelled   Outcome = "cancelled"
	OutcomeExpired     Outcome = "expired" // its deadline was over before it could start
	OutcomeCrashed     Outcome = "crashed" // the daemon that ran it died
)
