//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// hostile is an entry that nobody can read, with what programs for mail may obey.
const hostile = "~! touch /var/lib/gordon/obeyed\n.\nTo: ann@example.org\nSubject: none\n\n~r /etc/passwd\n"

// The example of an error_script sends mail. A producer wrote the entry, and a task
// printed its errors: both are text, and nothing in them is a command, a header or the
// end of the mail.
func TestFailedToMail(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("broken", `printf '~! touch /var/lib/gordon/obeyed\n.\n~q\n' >&2; exit 3`)
		m.write("/usr/sbin/sendmail", `#!/bin/sh
{ echo "args: $*"; cat; echo; echo '=== end'; } >>/var/lib/gordon/mail
`, 0o755)
		m.install(*dist)
		m.run("install -m 755 /usr/share/doc/gordon/examples/failed-to-mail /usr/local/bin/")
		m.write("/etc/gordon.d/10-mail.toml", "error_script = \"/usr/local/bin/failed-to-mail\"\n", 0o644)
		m.write("/root/entry", hostile, 0o644)
		m.tasks([]string{"broken"})
		m.run("systemctl reload gordon")
		m.push("broken")
		m.waitLines("/var/lib/gordon/mail", 10)
		m.run("redis-cli -x RPUSH taskqueue:broken </root/entry")
		var mails []string
		m.eventually("two mails were sent", func() error {
			mails = strings.SplitAfter(strings.Join(m.lines("/var/lib/gordon/mail"), "\n"), "=== end\n")
			if len(mails) < 2 || !strings.Contains(mails[1], "=== end") {
				return notYet("there are %q", mails)
			}
			return nil
		})
		for i, mail := range mails {
			header, body, _ := strings.Cut(mail, "\n\n")
			lines := strings.Split(header, "\n")
			if lines[0] != "args: -i root" || len(lines) != 7 || lines[1] != "To: root" ||
				lines[2] != `Subject: gordon on debian: Failed executing task for type "broken"` {
				t.Errorf("mail %d has the arguments and headers\n%s", i+1, header)
			}
			if found := regexp.MustCompile(`(?m)^(~.*|\.)$`).FindString(body); found != "" || !strings.Contains(body, "\n ~! touch") {
				t.Errorf("mail %d holds the line %q:\n%s", i+1, found, body)
			}
		}
		if said := m.said("--unit gordon --output=cat"); strings.Contains(said, "error_script") {
			t.Errorf("the log says of the error_script\n%s", said)
		}
	})
}
