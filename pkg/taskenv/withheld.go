package taskenv

// TaskID is the variable that carries the id of a run to all processes of its tree.
const TaskID = "GORDON_TASK_ID"

// Withheld reports whether Gordon keeps the variable from scripts, whatever its
// source. Only Gordon's own values, such as that of GORDON_TASK_ID, reach them; see
// [Build].
func Withheld(name string) bool { return isGordons(name) || isService(name) }

// isGordons reports whether the variable describes the run. Scripts read it, and
// Gordon itself finds the processes of a run by it.
func isGordons(name string) bool {
	switch name {
	case "GORDON_TASK_TYPE", TaskID, "GORDON_ATTEMPT", "GORDON_MAX_ATTEMPTS", "GORDON_ENTRY_ID":
		return true
	}
	return false
}

// isService reports whether the variable is for the service's own process, as
// systemd.exec(5) lists them under "Environment variables in spawned processes". A
// script that used them could report to systemd in the daemon's name (NOTIFY_SOCKET,
// WATCHDOG_*, FDSTORE), use descriptors that it does not have (LISTEN_*), read the
// daemon's secrets (CREDENTIALS_DIRECTORY), or believe that its output goes to the
// journal or that it is the unit's main process. Directories such as STATE_DIRECTORY
// stay: an administrator may have given them to the unit for the scripts.
func isService(name string) bool {
	switch name {
	case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
		"LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES", "FDSTORE",
		"CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "INVOCATION_ID",
		"MAINPID", "MAINPIDFDID", "MANAGERPID", "MANAGERPIDFDID", "SYSTEMD_EXEC_PID",
		"MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE":
		return true
	}
	return false
}
