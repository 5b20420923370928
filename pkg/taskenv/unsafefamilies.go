package taskenv

import "strings"

// unsafePrefixes lists the families whose members are all unsafe, except for [isTuning].
func unsafePrefixes() []string {
	return []string{
		// The loader and the C library: ld.so(8), iconv(3), jemalloc(3).
		"LD_", "_RLD", "GLIBC_", "GCONV_", "JE_MALLOC",
		// Shells: bash(1).
		"BASH_",
		// Perl: perlrun(1).
		"PERL",
		// Python: python(1), pip, pytest, Jupyter.
		"PYTHON", "PIP_", "PYTEST_", "JUPYTER_",
		// Ruby: ruby(1), gem(1), bundle-config(1).
		"RUBY", "BUNDLE_USER_", "BUNDLE_MIRROR", "BUNDLE_LOCAL", "BUNDLE_BUILD", "BUNDLER_",
		// JavaScript: npm, yarn, pnpm, corepack, ts-node, deno, bun, Electron.
		"npm_", "NPM_", "YARN_", "PNPM_", "COREPACK_", "TS_NODE_", "DENO_", "BUN_", "ELECTRON_",
		// PHP: PEAR, Xdebug, Composer.
		"PHP_PEAR_", "XDEBUG_", "COMPOSER",
		// Java: its launcher, Maven, Gradle, Groovy, Tomcat, Leiningen.
		"JAVA_", "MAVEN_", "GRADLE_", "GROOVY_", "CATALINA_", "LEIN_",
		// .NET: the runtime's configuration, profilers, NuGet.
		"DOTNET_", "CORECLR_", "COMPlus_", "COR_PROFILER_", "NUGET_", "ASPNETCORE_HOSTINGSTARTUP",
		// Lua, R, Tcl, Guile, Erlang, Elixir, OCaml, Julia, Octave: their manuals.
		"LUA_INIT", "LUA_PATH", "LUA_CPATH", "LUAROCKS_", "R_LIBS", "R_PROFILE", "R_ENVIRON", "TCL", "GUILE_", "ERL_", "ELIXIR_",
		"OCAML", "CAML", "JULIA_", "OCTAVE_",
		// Version managers: their shims run the program that these variables choose.
		"PYENV_", "RBENV_", "NVM_", "ASDF_", "CONDA_", "VOLTA_",
		// Building: cargo, rustup, cmake, ccache, pkg-config(1).
		"CARGO_", "RUSTUP_", "CMAKE_", "CCACHE_", "PKG_CONFIG_",
		// Version control: git(1).
		"GIT_",
		// ssh(1): a library for its keys.
		"SSH_ASKPASS", "SSH_SK_", "SUDO_ASKPASS",
		// TLS and downloads: openssl-env(7), gnutls, NSS, NSPR, p11-kit.
		"OPENSSL_", "GNUTLS_", "NSS_", "NSPR_", "P11_KIT_", "PKCS11_", "SOFTHSM",
		// Kerberos, SASL, LDAP: krb5's environment variables, sasl, ldap.conf(5).
		"KRB5_", "SASL_", "LDAPTLS_",
		// Pagers and editors: less(1), emacs(1), nvim(1), bat, fzf, groff(1).
		"LESSKEY", "EMACS", "NVIM_", "BAT_CONFIG", "FZF_DEFAULT_", "GROFF_",
		// Databases: libmysqlclient, psql(1), unixODBC, redis-cli.
		"LIBMYSQL_", "PSQL_", "ODBC", "REDISCLI_",
		// Desktop libraries: freedesktop.org's base directories, GTK, GIO, Qt, KDE, GStreamer, D-Bus (unixexec: addresses), Mesa, fontconfig.
		"XDG_CONFIG_", "XDG_DATA_", "GTK", "GIO_", "GDK_PIXBUF_", "GSETTINGS_", "QT_", "QML", "QTWEBENGINE", "KDE", "GST_PLUGIN", "GST_REGISTRY", "GST_PRESET", "DBUS_",
		"LIBGL_", "__EGL_", "__GLX_", "OCL_ICD_", "VK_LOADER_", "ALSA_", "FONTCONFIG_",
		// Documents and pictures: ImageMagick's delegates, TeX.
		"MAGICK_", "TEXMF",
		// systemctl(1); tools that can be told to run another: rclone, ansible, terraform, helm, gcloud, pass(1).
		"SYSTEMD_", "RCLONE_", "ANSIBLE_", "TF_CLI_", "TF_PLUGIN_", "HELM_", "CLOUDSDK_", "PASSWORD_STORE_",
		// Debuggers and sanitizers.
		"VALGRIND_", "LLVM_PROFILE_", "GCOV_",
	}
}

// unsafeSuffixes lists endings that have the same meaning in every program.
func unsafeSuffixes() []string {
	return []string{
		"_LIBRARY_PATH", "_LOAD_PATH", "_MODULE_PATH", "_MODULES_PATH", "_PLUGIN_PATH", "_PLUGINS_PATH", "_PLUGIN_DIR",
		"_DRIVER_PATH", "_DRIVERS_PATH", "_EXTRA_MODULES", "_STARTUP_HOOKS", "_PROFILER_PATH", "_SYMBOLIZER_PATH", "SAN_OPTIONS",
		"PAGER", "EDITOR", "BROWSER", "_ASKPASS", "_RSH", "PASSWORD_COMMAND", "PASSCOMMAND", "_EXECUTABLE", "_EXECUTABLE_PATH", "_INIT_FILE", "_RCFILE",
		"JAVA_OPTS", "JAVA_OPTIONS", "TEXINPUTS", "BIBINPUTS", "LUAINPUTS",
	}
}

// isTuning reports whether a member of an unsafe family only tunes a program and
// cannot make it read a file.
func isTuning(name string) bool {
	switch name {
	case
		"PERL_UNICODE", "PERL_HASH_SEED", "PERL_BADLANG",
		"PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE",
		"PYTHONNOUSERSITE", "PYTHONSAFEPATH", "PYTHONFAULTHANDLER", "PYTHONVERBOSE", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG",
		"PYTHONTRACEMALLOC", "PYTHONCOERCECLOCALE", "PYTHONINTMAXSTRDIGITS", "PYTHON_COLORS", "PYTHON_CPU_COUNT", "PYTHON_GIL",
		"RUBY_YJIT_ENABLE", "RUBY_THREAD_VM_STACK_SIZE",
		"COMPOSER_ALLOW_SUPERUSER", "COMPOSER_NO_INTERACTION", "COMPOSER_MEMORY_LIMIT", "COMPOSER_PROCESS_TIMEOUT",
		"DOTNET_ENVIRONMENT", "DOTNET_NOLOGO", "DOTNET_CLI_TELEMETRY_OPTOUT", "DOTNET_RUNNING_IN_CONTAINER", "DOTNET_gcServer",
		"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "JULIA_NUM_THREADS",
		"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE",
		"GIT_TERMINAL_PROMPT", "SYSTEMD_LOG_LEVEL", "SYSTEMD_COLORS", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR", "QT_LOGGING_RULES",
		// Builds describe their source with these. git does not read them.
		"GIT_COMMIT", "GIT_BRANCH", "GIT_TAG", "GIT_REF", "GIT_SHA", "GIT_URL", "GIT_REPO", "GIT_USER", "GIT_TOKEN":
		return true
	}
	return strings.HasPrefix(name, "RUBY_GC_") || strings.HasPrefix(name, "MAGICK_") && strings.HasSuffix(name, "_LIMIT")
}
