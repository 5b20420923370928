package runner

import "strings"

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

// unsafeEnv reports whether a variable can make the program loader or an
// interpreter run code, before or instead of the script. Whoever may push to
// the queue may choose arguments; that must not mean choosing the program.
//
// The list is the one that sudo strips (env_delete in sudoers(5)), without what
// concerns other systems, plus the same kind of thing for interpreters that
// sudo doesn't look at, and glibc's own list for setuid programs. It has three
// limits, on purpose:
//
//   - PATH is allowed. Gordon 1's producers set it, sudo's list doesn't have it
//     either, and a script that must not be led astray names its programs by
//     their paths.
//   - So are the variables of programs that a script may or may not call (GIT_*,
//     EDITOR, PAGER, RSYNC_RSH): there is no end of them, and the script's
//     author decides what is called.
//   - So are those that only tune an interpreter (PYTHONUNBUFFERED, GOMAXPROCS,
//     NODE_ENV).
func unsafeEnv(name, value string) bool {
	// Any variable with such a value is a function to old versions of bash
	// (CVE-2014-6271).
	if strings.HasPrefix(value, "()") {
		return true
	}
	for _, prefix := range unsafePrefixes() {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case
		// The C library: where it loads code and data from.
		"GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "PATH_LOCALE",
		"HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF", "NIS_PATH",
		// Terminal descriptions, read by libraries.
		"TERMINFO", "TERMINFO_DIRS", "TERMPATH", "TERMCAP",
		// Shells: files read at start, options, what a word means.
		"ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "IFS", "CDPATH", "GLOBIGNORE",
		"BASH_LOADABLES_PATH", "FPATH", "ZDOTDIR", "NULLCMD", "READNULLCMD", "TMPPREFIX",
		// Perl.
		"PERLLIB", "PERL5LIB", "PERL5OPT", "PERL5DB", "PERLIO_DEBUG",
		// Python; PYTHONWARNINGS and PYTHONBREAKPOINT import what they name.
		"PYTHONHOME", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONSTARTUP", "PYTHONINSPECT",
		"PYTHONUSERBASE", "PYTHONEXECUTABLE", "PYTHONWARNINGS", "PYTHONBREAKPOINT",
		// Ruby, PHP, Lua, Node.js.
		"RUBYLIB", "RUBYOPT", "PHPRC", "PHP_INI_SCAN_DIR", "NODE_OPTIONS", "NODE_PATH",
		// Java and .NET.
		"CLASSPATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS",
		"DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "CORECLR_PROFILER_PATH":
		return true
	}
	return false
}

// unsafePrefixes are the families of which every member counts: the dynamic
// loader's (ld.so(8)), exported functions of bash, and Lua's, whose names end
// in a version.
func unsafePrefixes() [6]string {
	return [...]string{"LD_", "_RLD", "BASH_FUNC_", "LUA_INIT", "LUA_PATH", "LUA_CPATH"}
}
