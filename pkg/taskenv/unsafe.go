package taskenv

import (
	"slices"
	"strings"
)

// isUnsafe reports whether a variable can make a program run code, before or instead
// of the code that the script's author wrote. A producer may choose arguments; that
// must not mean choosing the program.
//
// The variables are listed by families: everything by which a loader, a library, an
// interpreter or a tool that scripts call finds code, or a configuration that can name
// code. Some families are refused as a whole, except for the members in [isTuning],
// which do neither. The sources are named beside each family. The lists began with the
// variables that sudo removes (env_delete in sudoers(5)) and that glibc removes for
// setuid programs (unsecvars.h).
//
// The lists can never be complete. A task that takes entries from others than its own
// administrator is safer with a list of allowed variables (env_allow).
//
// PATH and HOME are allowed on purpose: producers of Gordon 1 set them, sudo's list
// has neither, and a script that depends on them can set its own.
func isUnsafe(name, value string) bool {
	// Old versions of bash take any variable with such a value for a function
	// (CVE-2014-6271).
	if strings.HasPrefix(value, "()") || unsafeName(name) || unsafeValue(name, value) {
		return true
	}
	if isTuning(name) {
		return false
	}
	return slices.ContainsFunc(unsafePrefixes(), func(p string) bool { return strings.HasPrefix(name, p) }) ||
		slices.ContainsFunc(unsafeSuffixes(), func(s string) bool { return strings.HasSuffix(name, s) }) ||
		// npm reads these in any case (https://docs.npmjs.com/cli/using-npm/config).
		strings.HasPrefix(strings.ToLower(name), "npm_config_")
}

// unsafeValue reports whether the value of a variable with a safe name makes a library
// read a file: gettext a catalog, whose formats the program uses, or the C library a
// time zone (env_check in sudoers(5)).
func unsafeValue(name, value string) bool {
	switch {
	case name == "LANG", name == "LANGUAGE", name == "LINGUAS", name == "TERM", name == "COLORTERM", strings.HasPrefix(name, "LC_"):
		return strings.ContainsAny(value, "/%")
	case name == "TZ":
		path := strings.TrimPrefix(value, ":")
		return strings.Contains(path, "..") || strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "/usr/share/zoneinfo/")
	}
	return false
}

// unsafeName reports whether a single variable, outside of the families, is unsafe.
func unsafeName(name string) bool { return unsafeOfLanguages(name) || unsafeOfTools(name) }

// unsafeOfLanguages lists the variables of the C library, shells, interpreters and
// compilers.
func unsafeOfLanguages(name string) bool {
	switch name {
	case
		// The C library: ld.so(8), glibc's unsecvars.h, mtrace(3), resolver(5).
		"GETCONF_DIR", "LOCPATH", "NLSPATH", "PATH_LOCALE", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF",
		"NIS_PATH", "TZDIR", "TEXTDOMAINDIR", "MALLOC_TRACE", "MALLOC_CONF", "GMON_OUT_PREFIX",
		// Terminal descriptions: terminfo(5), readline(3).
		"TERMINFO", "TERMINFO_DIRS", "TERMPATH", "TERMCAP", "INPUTRC",
		// Shells: bash(1), zshparam(1), ksh(1), dash(1).
		"ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "IFS", "CDPATH", "GLOBIGNORE", "EXECIGNORE",
		"FPATH", "ZDOTDIR", "MODULE_PATH", "NULLCMD", "READNULLCMD", "TMPPREFIX", "fish_function_path",
		// Python: IPython, coverage, uv.
		"IPYTHONDIR", "COVERAGE_PROCESS_START", "UV_CONFIG_FILE", "UV_PYTHON", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL",
		"UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_TOOL_DIR", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_CACHE_DIR", "UV_ENV_FILE",
		// Ruby: ruby(1), gem(1), irb(1), bundle-config(1).
		"GEM_HOME", "GEM_PATH", "GEMRC", "IRBRC", "DLN_LIBRARY_PATH", "BUNDLE_GEMFILE", "BUNDLE_PATH", "BUNDLE_BIN_PATH", "BUNDLE_APP_CONFIG",
		"BUNDLE_CONFIG", "BUNDLE_PLUGINS",
		// Node.js: node(1).
		"NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "NODE_REPL_HISTORY", "NODE_EXTRA_CA_CERTS", "NODE_ICU_DATA",
		"NODE_V8_COVERAGE", "NODE_REDIRECT_WARNINGS", "NODE_COMPILE_CACHE", "NODE_PRESERVE_SYMLINKS", "NODE_PRESERVE_SYMLINKS_MAIN",
		"NODE_TLS_REJECT_UNAUTHORIZED",
		// PHP: php(1).
		"PHPRC", "PHP_INI_SCAN_DIR",
		// Java: the documents of its launcher and virtual machines.
		"CLASSPATH", "JAVACMD", "JRE_HOME", "M2_HOME", "SBT_OPTS", "ANT_HOME", "ANT_ARGS", "ANT_OPTS",
		// .NET and Mono: the runtimes' documents.
		"COR_ENABLE_PROFILING", "COR_PROFILER", "MONO_PATH", "MONO_CONFIG", "MONO_CFG_DIR", "MONO_ENV_OPTIONS", "MONO_GAC_PREFIX", "MONO_PROFILE",
		// R: ?Startup; Tcl: tclsh(1); Haskell, Go, Rust, awk: their manuals.
		"R_HOME", "R_DEFAULT_PACKAGES", "TK_LIBRARY", "GHCRTS", "GHC_PACKAGE_PATH",
		"GOFLAGS", "GOROOT", "GOPATH", "GOENV", "GOBIN", "GOTOOLCHAIN", "GOPROXY", "GOTOOLDIR", "GOCOVERDIR",
		"RUSTC", "RUSTC_WRAPPER", "RUSTFLAGS", "RUSTDOC", "AWKPATH", "AWKLIBPATH", "SBCL_HOME",
		"PLTCOLLECTS", "PLTADDONDIR", "PLTCONFIGDIR", "PLTUSERHOME",
		"MIX_HOME", "MIX_EXS", "MIX_ARCHIVES", "MIX_PATH", "MIX_DEPS_PATH",
		// make and compilers: make(1), gcc(1), pkg-config(1), aclocal(1).
		"MAKE", "MAKEFLAGS", "MAKEFILES", "MFLAGS", "GNUMAKEFLAGS", "MAKESHELL", "GCC_EXEC_PREFIX", "COMPILER_PATH", "LIBRARY_PATH",
		"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "PKG_CONFIG", "ACLOCAL_PATH":
		return true
	}
	return false
}

// unsafeOfTools lists the variables of programs and libraries that scripts use.
func unsafeOfTools(name string) bool {
	switch name {
	case
		// Version control: hg(1), cvs(1), brz(1).
		"GITPERLLIB", "HG", "HGRCPATH", "HGMERGE", "SVN_SSH", "SVN_MERGE", "CVS_RSH", "CVSROOT", "BRZ_HOME", "BZR_HOME",
		// ssh(1), rsync(1), sudo(8), gpg(1).
		"SSH_PKCS11_HELPER", "RSYNC_CONNECT_PROG", "RSYNC_SHELL", "RSYNC_PROXY", "GNUPGHOME",
		// Downloads and TLS: wget(1), curl(1), requests, gnutls, p11-kit, softhsm.
		"WGETRC", "SYSTEM_WGETRC", "CURL_HOME", "CURL_CA_BUNDLE", "CURL_SSL_BACKEND", "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_DIR",
		// Pagers, editors, and programs for mail and archives: less(1), vim(1), zip(1), tar(1), mailcap(5), ripgrep.
		"LESS", "LESSOPEN", "LESSCLOSE", "LESSEDIT", "LESSHISTFILE", "MORE", "VISUAL", "FCEDIT", "VIM", "VIMINIT", "VIMRUNTIME", "GVIMINIT", "MYVIMRC", "EXINIT", "MAILRC", "MAILCAPS", "MAILCAP",
		"TAR_OPTIONS", "ZIPOPT", "UNZIPOPT", "RIPGREP_CONFIG_PATH", "ACKRC", "SCREENRC", "SYSSCREENRC", "MANOPT", "MANROFFSEQ",
		// Databases: libpq's and MySQL's manuals, psql(1), unixODBC, FreeTDS, Oracle, redis-cli.
		"PGSYSCONFDIR", "PGSERVICEFILE", "PGSSLKEY", "PSQLRC", "MYSQL_HOME", "MARIADB_HOME", "MYSQL_TEST_LOGIN_FILE",
		"FREETDS", "FREETDSCONF", "ORACLE_HOME", "TNS_ADMIN",
		// Directories and logins: ldap.conf(5), GSSAPI.
		"LDAPCONF", "LDAPRC", "GSS_MECH_CONFIG",
		// Desktop libraries and drivers: GTK, GObject, Mesa, Vulkan, OpenCL, PipeWire.
		"GI_TYPELIB_PATH", "PANGO_RC_FILE", "VK_ICD_FILENAMES", "VK_DRIVER_FILES", "VK_LAYER_PATH", "VK_ADD_LAYER_PATH", "VK_INSTANCE_LAYERS",
		"OPENCL_VENDOR_PATH", "SPA_PLUGIN_DIR", "LADSPA_PATH", "DSSI_PATH", "LV2_PATH", "FREI0R_PATH",
		// Documents and pictures: gs(1), kpathsea, ffmpeg(1), GDAL.
		"GS_LIB", "GS_OPTIONS", "GS_FONTPATH", "shell_escape", "shell_escape_commands", "openout_any", "openin_any", "FFREPORT", "FFMPEG_DATADIR",
		"GDAL_VRT_ENABLE_PYTHON",
		// Clouds: files that can name a program to run (AWS credential_process, kubectl's exec, docker's helpers).
		"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "KUBECONFIG", "DOCKER_CONFIG", "AZURE_CONFIG_DIR", "AZURE_EXTENSION_DIR",
		"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES":
		return true
	}
	return false
}
