package output

import "strings"

// The keys of the log's attributes. In the journal each becomes a field
// GORDON_<KEY>; see journalField.
const (
	KeyTaskType   = "task_type"   // GORDON_TASK_TYPE; "type" in text
	KeyTaskID     = "task_id"     // GORDON_TASK_ID; "id" in text
	KeyOutcome    = "outcome"     // GORDON_OUTCOME
	KeyExitStatus = "exit_status" // GORDON_EXIT_STATUS
	KeySignal     = "signal"      // GORDON_SIGNAL, such as SIGKILL
	KeyAttempt    = "attempt"     // GORDON_ATTEMPT, from 1
	KeyRetryIn    = "retry_in"    // GORDON_RETRY_IN_USEC
	KeyEntryID    = "entry_id"    // GORDON_ENTRY_ID, the producer's own
	KeyUserCPU    = "cpu_user"    // GORDON_CPU_USER_USEC
	KeySystemCPU  = "cpu_system"  // GORDON_CPU_SYSTEM_USEC
	KeyPeakMemory = "peak_memory" // GORDON_PEAK_MEMORY, bytes
	KeyRead       = "io_read"     // GORDON_IO_READ, bytes
	KeyWritten    = "io_written"  // GORDON_IO_WRITTEN, bytes
	KeyDuration   = "duration"    // GORDON_DURATION_USEC, as are all of type time.Duration
	KeyError      = "error"       // GORDON_ERROR
	KeyProcesses  = "processes"   // GORDON_PROCESSES
	KeyRefused    = "refused"     // GORDON_REFUSED
	KeyThrottled  = "throttled"   // GORDON_THROTTLED_USEC
	KeyMessageID  = "message_id"  // MESSAGE_ID, in the journal only
)

// The ids of messages that a program can search for (journalctl MESSAGE_ID=…). The message
// catalog explains them. They are random and never change; see
// systemd.journal-fields(7).
const (
	MsgStarted         = "4559c72bdccc46d58882bdcdfc299286"
	MsgStopping        = "d62255dbe00a486fa253e93995c65363"
	MsgReloaded        = "2ea3cfd4a11d4f2caa2fae35bcdc036c"
	MsgReloadRefused   = "568a6a865adb4b78b170fece38c2492f"
	MsgTaskFailed      = "4b977518dadf446e8a923861ddd0ae59"
	MsgTaskNotStarted  = "a0f70d6ea388442ba58fa1d472c7df41"
	MsgTaskRetried     = "ee90cb4f0a654ab281f2c2f2ac4d1f9e"
	MsgEntryUnreadable = "62c48e037cce4598a1ced83ff9430f60"
	MsgRecovered       = "60750a239eb64e5a97f1cb8f2e84716a"
	MsgRedisLost       = "cae1f3cf1c9843d6a4ca42375f199eab"
	MsgRedisBack       = "795c027ddeed46f4bde00434e304cd48"
	MsgErrorScript     = "806ac81dac62409eae7d7f51c80fc1c0"
)

// maxFieldName is the maximum length of a field's name in journald
// (journal_field_valid in systemd's journal-file.c).
const maxFieldName = 64

// textKey returns the name of an attribute in a line of text. "type" and "id" are clear
// in a log of tasks.
func textKey(key string) string {
	switch key {
	case KeyTaskType:
		return "type"
	case KeyTaskID:
		return "id"
	default:
		return key
	}
}

// journalField returns the name of an attribute in the journal: upper-case letters,
// digits and underscores, at most 64 bytes.
func journalField(key string) string {
	field := "GORDON_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, key)
	return field[:min(len(field), maxFieldName)]
}
