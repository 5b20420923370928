package taskenv_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

func TestBuild(t *testing.T) {
	for _, tc := range []struct {
		name          string
		daemon, extra []string
		entry         map[string]string
		want          []string
	}{
		{name: "nothing"},
		{name: "only the daemon's", daemon: []string{"B=2", "A=1"}, want: []string{"B=2", "A=1"}},
		{
			name: "entry wins", daemon: []string{"A=1", "B=2"}, entry: map[string]string{"A": "new"},
			want: []string{"B=2", "A=new"},
		},
		{
			name: "entry sorted", entry: map[string]string{"C": "3", "A": "1", "B": "2"},
			want: []string{"A=1", "B=2", "C=3"},
		},
		{
			name: "values are free", entry: map[string]string{"A": "x=y=z", "B": "", "C": " \n\t\"'$(x)`\\", "Ü": "ü€𝄞"},
			want: []string{"A=x=y=z", "B=", "C= \n\t\"'$(x)`\\", "Ü=ü€𝄞"},
		},
		{
			name: "names that no shell can use", entry: map[string]string{"a b": "1", "1x": "2", "a.b-c": "3"},
			want: []string{"1x=2", "a b=1", "a.b-c=3"},
		},
		{name: "PATH is the entry's to set", daemon: []string{"PATH=/bin"}, entry: map[string]string{"PATH": "/x"}, want: []string{"PATH=/x"}},
		{
			name: "extra wins", daemon: []string{"A=1", "B=2"}, entry: map[string]string{"A": "3"}, extra: []string{"A=4", "C=5"},
			want: []string{"B=2", "A=4", "C=5"},
		},
		{
			name:   "Gordon's own names come from extra only",
			daemon: []string{"GORDON_TASK_ID=outer", "GORDON_TASK_TYPE=outer", "GORDON_ATTEMPT=3", "GORDON_X=1"},
			entry:  map[string]string{"GORDON_TASK_ID": "forged", "GORDON_ATTEMPT": "7", "GORDON_MAX_ATTEMPTS": "9", "GORDON_ENTRY_ID": "the parent's", "GORDON_Y": "2"},
			extra:  []string{"GORDON_TASK_ID=real"},
			want:   []string{"GORDON_X=1", "GORDON_Y=2", "GORDON_TASK_ID=real"},
		},
		{
			name: "systemd's are the daemon's",
			daemon: []string{
				"NOTIFY_SOCKET=/run/s", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "LISTEN_FDS=1", "LISTEN_PID=1",
				"LISTEN_FDNAMES=x", "LISTEN_PIDFDID=1", "FDSTORE=1", "CREDENTIALS_DIRECTORY=/c", "JOURNAL_STREAM=8:1",
				"INVOCATION_ID=x", "MAINPID=1", "MAINPIDFDID=1", "MANAGERPID=1", "MANAGERPIDFDID=1", "SYSTEMD_EXEC_PID=1",
				"MEMORY_PRESSURE_WATCH=x", "MEMORY_PRESSURE_WRITE=x", "STATE_DIRECTORY=/var/lib/x", "WATCHDOG=own",
			},
			entry: map[string]string{"NOTIFY_SOCKET": "/run/other", "LISTEN_FDS": "3"},
			want:  []string{"STATE_DIRECTORY=/var/lib/x", "WATCHDOG=own"},
		},
		{name: "doubled and broken", daemon: []string{"A=1", "A=2", "novalue", "=x", ""}, want: []string{"A=1"}},
		{name: "the daemon's is trusted", daemon: []string{"LD_PRELOAD=/x.so", "PYTHONPATH=/y"}, want: []string{"LD_PRELOAD=/x.so", "PYTHONPATH=/y"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := taskenv.Build(tc.daemon, tc.entry, tc.extra, taskenv.Policy{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, value string
		fault       taskenv.Fault
		text        string
	}{
		{"", "x", taskenv.BadName, "env: a variable's name is empty"},
		{"A=B", "x", taskenv.BadName, `env: the name "A=B" contains an equals sign or a NUL byte`},
		{"=", "x", taskenv.BadName, `env: the name "=" contains an equals sign or a NUL byte`},
		{"A\x00B", "x", taskenv.BadName, `env: the name "A\x00B" contains an equals sign or a NUL byte`},
		{"A", "x\x00y", taskenv.BadValue, "env: the value of A contains a NUL byte"},
	} {
		for _, allowUnsafe := range []bool{false, true} {
			env, err := taskenv.Build(nil, map[string]string{tc.name: tc.value}, nil, taskenv.Policy{AllowUnsafe: allowUnsafe})
			checkError(t, env, err, tc.name, tc.fault)
			if err.Error() != tc.text {
				t.Errorf("%q: says %q", tc.name, err)
			}
		}
	}
}

func checkError(t *testing.T, env []string, err error, name string, fault taskenv.Fault) {
	t.Helper()
	var refused *taskenv.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%q: error is %v", name, err)
	}
	if env != nil || refused.Name != name || refused.Fault != fault {
		t.Errorf("%q: env %q, error %+v", name, env, refused)
	}
}

func TestBuildRefusesWhatRunsCode(t *testing.T) {
	for _, kv := range []string{
		"LD_PRELOAD=/x.so", "LD_LIBRARY_PATH=/x", "LD_AUDIT=/x", "LD_ANYTHING=", "_RLD_LIST=/x", "GLIBC_TUNABLES=x", "GCONV_PATH=/x",
		"BASH_ENV=/x", "ENV=/x", "SHELLOPTS=xtrace", "BASHOPTS=x", "PS4=$(id)", "IFS=x", "CDPATH=/x", "BASH_FUNC_ls%%=() { id; }",
		"anything=() { :; }; id", "ZDOTDIR=/x", "FPATH=/x", "PERL5LIB=/x", "PERL5OPT=-Mx", "PERL5DB=x", "PERLLIB=/x", "PERLIO_DEBUG=/x",
		"PYTHONPATH=/x", "PYTHONHOME=/x", "PYTHONSTARTUP=/x", "PYTHONINSPECT=1", "PYTHONUSERBASE=/x", "RUBYLIB=/x", "RUBYOPT=-rx",
		"NODE_OPTIONS=--require=/x", "NODE_PATH=/x", "PHPRC=/x", "PHP_INI_SCAN_DIR=/x", "JAVA_TOOL_OPTIONS=-agentlib:x",
		"_JAVA_OPTIONS=x", "JDK_JAVA_OPTIONS=x", "CLASSPATH=/x", "LUA_INIT=x", "LUA_INIT_5_4=x", "LUA_PATH=/x", "LUA_CPATH_5_3=/x",
		"DOTNET_STARTUP_HOOKS=/x", "HOSTALIASES=/x", "TERMCAP=/x", "NLSPATH=/x",
		"OPENSSL_CONF=/x", "OPENSSL_MODULES=/x", "GIT_SSH_COMMAND=id", "GIT_CONFIG_COUNT=1", "SSH_ASKPASS=/x", "PAGER=id", "GIT_PAGER=id",
		"MANPAGER=id", "EDITOR=id", "VISUAL=id", "LESSOPEN=|id", "WGETRC=/x", "CURL_HOME=/x", "JAVA_HOME=/x", "R_PROFILE_USER=/x", "TCLLIBPATH=/x",
		"MAKEFLAGS=--eval=x", "GTK_MODULES=x", "QT_PLUGIN_PATH=/x", "GIO_EXTRA_MODULES=/x", "KRB5_CONFIG=/x", "NSS_CONFIG=/x", "PSQLRC=/x",
		"LIBMYSQL_PLUGIN_DIR=/x", "RCLONE_PASSWORD_COMMAND=id", "npm_config_script_shell=/x", "Npm_Config_Prefix=/x", "COMPOSER_HOME=/x",
		"TAR_OPTIONS=--to-command=id", "DBUS_SESSION_BUS_ADDRESS=unixexec:path=id", "MAGICK_CONFIGURE_PATH=/x", "KUBECONFIG=/x",
		"RESTIC_PASSWORD_COMMAND=id", "SOMETHING_NEW_PLUGIN_PATH=/x", "PYTHON_NEW=x", "LANGUAGE=../../x", "LC_MESSAGES=%n", "TZ=:/x", "TZ=../x",
	} {
		name, value, _ := strings.Cut(kv, "=")
		entry := map[string]string{name: value}
		env, err := taskenv.Build(nil, entry, nil, taskenv.Policy{})
		checkError(t, env, err, name, taskenv.Unsafe)
		if text := err.Error(); !strings.Contains(text, name) || !strings.Contains(text, "allow_unsafe_env = true") {
			t.Errorf("the message names neither the variable nor the way out: %s", text)
		}
		env, err = taskenv.Build(nil, entry, nil, taskenv.Policy{AllowUnsafe: true})
		if diff := cmp.Diff([]string{kv}, env); diff != "" || err != nil {
			t.Errorf("allowed: %v %s", err, diff)
		}
	}
}

func TestBuildAllowsWhatOnlyLooksAlike(t *testing.T) {
	for _, name := range []string{
		"LDAP_URL", "ENVIRONMENT", "APP_ENV", "NODE_ENV", "PYTHONUNBUFFERED", "PATH", "HOME", "LANG", "TZ", "TERM", "MY_LD_PRELOAD",
		"BASH", "ld_preload", "SHELL", "USER", "PGHOST", "PGPASSWORD", "MYSQL_PWD", "AWS_PROFILE", "DB_HOST", "NODE_NAME", "GST_RATE",
		"LESSON_ID", "BUNDLE_ID", "GIT_COMMIT", "PHP_MEMORY_LIMIT", "R_ID", "VK_TOKEN", "ZIP", "HTTP_PROXY", "QT_QPA_PLATFORM", "MAGICK_MEMORY_LIMIT",
	} {
		if _, err := taskenv.Build(nil, map[string]string{name: "x"}, nil, taskenv.Policy{}); err != nil {
			t.Error(err)
		}
	}
}

func TestBuildNamesEveryFault(t *testing.T) {
	_, err := taskenv.Build(nil, map[string]string{"PYTHONPATH": "x", "": "x", "LD_PRELOAD": "x", "FINE": "x"}, nil, taskenv.Policy{})
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], "LD_PRELOAD") || !strings.Contains(lines[2], "PYTHONPATH") {
		t.Errorf("got %q", lines)
	}
}

func FuzzBuild(f *testing.F) {
	f.Add("A", "1", "B=2", true)
	f.Add("LD_PRELOAD", "() {", "=", false)
	f.Add("A=", "\x00", "", false)
	f.Fuzz(func(t *testing.T, name, value, daemon string, allowUnsafe bool) {
		extra := []string{"GORDON_TASK_ID=real"}
		env, err := taskenv.Build([]string{daemon, "NOTIFY_SOCKET=x"}, map[string]string{name: value}, extra, taskenv.Policy{AllowUnsafe: allowUnsafe})
		if err != nil {
			if env != nil {
				t.Errorf("both an environment and an error: %q, %v", env, err)
			}
			return
		}
		seen := map[string]bool{}
		for _, kv := range env {
			n, _, ok := strings.Cut(kv, "=")
			if !ok || n == "" || seen[n] || n == "NOTIFY_SOCKET" {
				t.Errorf("%q among %q", kv, env)
			}
			seen[n] = true
		}
		if !slices.Contains(env, extra[0]) {
			t.Errorf("%q without %q", env, extra[0])
		}
	})
}

func TestBuildOfThisProcess(t *testing.T) {
	env, err := taskenv.Build(os.Environ(), nil, nil, taskenv.Policy{})
	if err != nil || len(env) == 0 {
		t.Errorf("%d variables, %v", len(env), err)
	}
}

func TestWith(t *testing.T) {
	got := taskenv.With([]string{"A=1", "B=2"}, map[string]string{"A": "new", "C": ""})
	if diff := cmp.Diff([]string{"B=2", "A=new", "C="}, got); diff != "" {
		t.Error(diff)
	}
}
