package config

import (
	"slices"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// A password does not belong in the configuration. Where it stands there all the
// same, no fault may carry it into a log.

// passwordAdvice is said of a key that would hold a password.
const passwordAdvice = "a password must not stand in this file: put it in a file of its own with mode 0600 or 0640, " +
	`or in a systemd credential, and name that with password_file in [redis] or [redis.sentinel]: an absolute path or "credential:NAME"`

// holdsPassword reports whether an unknown key is where one would look for the
// password of Redis.
func holdsPassword(path toml.Key) bool {
	name := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(path[len(path)-1]))
	short := strings.TrimPrefix(strings.TrimPrefix(name, "redis"), "sentinel")
	if !slices.Contains([]string{"password", "passwd", "passphrase", "pass", "auth", "requirepass"}, short) {
		return false
	}
	// Without the prefix it is Redis' own only where Redis is set up; with it, it may
	// have slipped below another table.
	return len(path) == 1 || strings.EqualFold(path[0], "redis") || short != name
}

// passwordFile allows a path or the name of a systemd credential. What it refuses
// is not shown: it may be the password itself, written to the wrong key.
func passwordFile(raw any) (string, string) {
	s, wrong := text(raw)
	if wrong != "" {
		return "", wrong
	}
	if name, ok := strings.CutPrefix(s, CredentialPrefix); ok && !isCredentialName(name) {
		return "", `must be "credential:NAME" with the plain name of a systemd credential: ` +
			`not empty, and without "/", ":" and what is not printable ASCII`
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", "must be the path of a file or the name of a credential, without control characters"
	}
	return s, ""
}

// isCredentialName reports whether systemd takes a name for a credential: it is a
// file name and a name for a file descriptor (systemd.exec(5), LoadCredential=;
// sd_listen_fds_with_names(3)).
func isCredentialName(name string) bool {
	strange := func(r rune) bool { return r < ' ' || r > '~' || r == '/' || r == ':' }
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.ContainsFunc(name, strange)
}

// shownAddress quotes an address for a message, unless it may be a URL with a
// password in it.
func shownAddress(addr string) string {
	if strings.Contains(addr, "@") || strings.Contains(addr, "://") {
		return "a URL: user and password go to username and password_file in the [redis] table"
	}
	return shown(addr)
}

// syntaxMessage is what the library says about a line that is not TOML. It quotes
// the word it fails at, which may be a password without its quotes.
func syntaxMessage(text string, line int, pe toml.ParseError) string {
	if strings.HasPrefix(pe.Message, "Key '") {
		return visible(pe.Message) // quotes the key alone
	}
	lines := strings.Split(text, "\n")
	culprit := strings.ToLower(pe.LastKey + "\n" + lines[min(line, len(lines))-1])
	for _, part := range []string{"pass", "auth", "@"} {
		if strings.Contains(culprit, part) {
			return `this line is not TOML; a string needs quotes, as in "text" (what is wrong is not shown: it may be a password)`
		}
	}
	return visible(pe.Message) + slip(lines[min(line, len(lines))-1])
}
