package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

func TestPassword_HasNoKey(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"password = \"hunter2\"\n", "1: password: "},
		{"redis_password = \"hunter2\"\n", "1: redis_password: "},
		{"redis.password = \"hunter2\"\n", "1: redis.password: "},
		{"[redis]\npassword = \"hunter2\"\n", "2: redis.password: "},
		{"[redis]\nredis_password = \"hunter2\"\n", "2: redis.redis_password: "},
		{"[redis.tls]\npassword = \"hunter2\"\n", "2: redis.tls.password: "},
		{"[redis.sentinel]\nPassword = \"hunter2\"\n", "2: redis.sentinel.Password: "},
		{"[redis.sentinel]\nsentinel_password = \"hunter2\"\n", "2: redis.sentinel.sentinel_password: "},
		{"RedisPassword = \"hunter2\"\n", "1: RedisPassword: "},
		{"requirepass = \"hunter2\"\n", "1: requirepass: "},
		{"[redis]\nauth = \"hunter2\"\n", "2: redis.auth: "},
		{"[redis]\npass = [ \"hunter2\" ]\n", "2: redis.pass: "},
		{"[redis.password]\nvalue = \"hunter2\"\n", "1: redis.password: "},
		{"[stats]\nredis_password = \"hunter2\"\n", "2: stats.redis_password: "},
	} {
		if diff := cmp.Diff([]string{"gordon.toml:" + tc.want + passwordAdvice}, refuse(t, tc.text)); diff != "" {
			t.Errorf("%q: %s", tc.text, diff)
		}
	}
	for _, part := range []string{"0600", "0640", "systemd credential", "password_file", "credential:NAME"} {
		if !strings.Contains(passwordAdvice, part) {
			t.Errorf("the advice does not say %s", part)
		}
	}
}

func TestPassword_OtherKeysAreNoPasswords(t *testing.T) {
	for _, path := range []tomlfile.Key{{"stats", "password"}, {"tasks", "mail", "auth"}, {"redis", "author"}, {"redis"}, {"sentinel"}, {"redis", "sentinel"}} {
		if holdsPassword(path) {
			t.Errorf("%s is taken for a password", path)
		}
	}
}

// TestPassword_IsNeverEchoed puts passwords into likely places, with and without valid
// syntax, and searches the faults for them.
func TestPassword_IsNeverEchoed(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		"password = \"hunter2\"", "redis_password = \"hunter2\"", "redis.password = \"hunter2\"", "[redis]\npassword = [\"hunter2\"]",
		"[redis]\npasswrd = \"hunter2\"", "[redis.sentinel]\nauth_pass = \"hunter2\"", "[tasks.mail]\nscript = \"/s\"\npassword = \"hunter2\"",
		// without quotes, or with broken ones
		"password = hunter2", "redis_password = hunter2 # x", "[redis]\npassword = hunter2", "[redis]\npassword_file = hunter2",
		"redis = { password = hunter2 }", "[redis]\npassword = \"hunter2", "[redis]\npassword = 'hunter2", "[redis]\npassword = \"hunter2\\u12\"",
		"[redis]\npassword = \"\"\"\nhunter2\\u12\"\"\"", "[redis]\npassword = \"hunter2\" hunter2", "password hunter2", "password: hunter2", "password = [hunter2]",
		"[redis]\nusername = \"u\"\npassword = hunter2",
		// in the key of the file
		"[redis]\npassword_file = \"credential:hunter2/\"", "[redis]\npassword_file = \"hunter2\\n\"", "[redis]\npassword_file = [\"hunter2\"]",
		"[redis.sentinel]\npassword_file = \"hunter2\"", "[redis]\npassword_file = \"credential:hunter2:x\"",
		// in an address, or in place of a table
		"redis_address = \"redis://:hunter2@db:6379\"", "redis_address = \"u:hunter2@db:6379\"", "redis_address = \"hunter2@db:6379\"",
		"redis_network = \"unix\"\nredis_address = \"u:hunter2@db\"", "redis = \"redis://:hunter2@db\"", "redis_address = redis://u:hunter2@db:6379",
		"[redis.sentinel]\nmaster = \"m\"\naddresses = [\"u:hunter2@db\"]", "[redis.sentinel]\nmaster = \"m\"\naddresses = \"hunter2\"",
		"[redis.sentinel]\nmaster = \"m\"\naddresses = [\"hunter2@db:6379\"]", "[redis.tls]\nenabled = true\nserver_name = \"u:hunter2@db\"",
		"[redis]\nusername = \"u hunter2\"",
	} {
		if got := strings.Join(refuse(t, text+"\n"), "\n"); strings.Contains(got, secret) {
			t.Errorf("%q: the password is echoed:\n%s", text, got)
		}
	}
}

func TestPassword_IsNotInANotice(t *testing.T) {
	c := load(t, "[redis]\nusername = \"u\"\npassword_file = \"hunter2\"\n"+task("workers = 0"))
	if len(c.Notices) != 1 || strings.Contains(c.Notices[0], "hunter2") {
		t.Errorf("notices %q", c.Notices)
	}
}

func TestPassword_SyntaxFaultsOfOtherLinesShowTheText(t *testing.T) {
	for text, want := range map[string]string{
		"queue_key = hello\n": "gordon.toml:1: syntax: expected value but found \"hello\" instead; strings need quotes, as in queue_key = \"hello\"",
		"[redis]\npassword_file = \"a\"\npassword_file = \"b\"\n": "gordon.toml:3: syntax: Key 'redis.password_file' has already been defined.",
		"password = hunter2\n": `gordon.toml:1: syntax: this line is not valid TOML; a string needs quotes, as in "text" (the text is not shown because it may contain a password)`,
	} {
		if diff := cmp.Diff([]string{want}, refuse(t, text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestPasswordFile(t *testing.T) {
	for text, want := range map[string]string{
		"/etc/pw": "/etc/pw", "pw": "/opt/gordon/pw", "/etc/../pw": "/pw", "credential:redis-password": "credential:redis-password",
		"credential:a b": "credential:a b", "credential:.x": "credential:.x", "/credential:x/y": "/credential:x/y", "": "",
		"credential:" + strings.Repeat("x", 255): "credential:" + strings.Repeat("x", 255),
	} {
		if got := load(t, "[redis]\npassword_file = \""+text+"\"\n"+task()).Redis.PasswordFile; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, name := range []string{"", "a/b", "/a", "../a", ".", "..", "a:b", "ä", "a\tb", strings.Repeat("x", 256)} {
		if _, err := passwordFile("credential:" + name); err == nil || !strings.HasPrefix(err.Error(), `must be "credential:NAME"`) {
			t.Errorf("the credential %q: got %v", name, err)
		}
	}
}
