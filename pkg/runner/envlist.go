package runner

// Withheld reports whether Gordon keeps the variable from scripts wherever it
// comes from, its own values of GORDON_TASK_ID and the like aside; see BuildEnv.
func Withheld(name string) bool { return reserved(name) || hidden(name) }

// reserved reports whether the variable is one by which Gordon tells a script,
// and later itself, which task this is.
func reserved(name string) bool {
	switch name {
	case "GORDON_TASK_TYPE", MarkerVar, "GORDON_ATTEMPT", "GORDON_MAX_ATTEMPTS", "GORDON_ENTRY_ID":
		return true
	}
	return false
}

// hidden reports whether the variable is for the service's own process, as
// systemd.exec(5) lists them under "Environment variables in spawned
// processes". A script that took them for its own would report for the daemon
// (NOTIFY_SOCKET, WATCHDOG_*, FDSTORE), use descriptors that it doesn't have
// (LISTEN_*), read the daemon's secrets (CREDENTIALS_DIRECTORY), or believe
// things that are not so of it: that its output goes to the journal, that it is
// the unit's main process. Directories such as STATE_DIRECTORY stay: an
// administrator may have given them to the unit for the scripts.
func hidden(name string) bool {
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
