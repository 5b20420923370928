package daemontest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A task is root, or in root's group, only where the configuration itself says root:
// what the system's databases make of another name is not enough.
func TestOnlyTheConfigurationMakesATaskRoot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", "")
	databases := map[string]string{
		"passwd": "toor:x:0:0::/root:/bin/sh\noperator:x:11:0::/:/bin/sh\nhelper:x:1234:1234::/:/bin/sh\nplain:x:1235:1235::/:/bin/sh\n",
		"group":  "wheel:x:0:\nhelper:x:1234:\nplain:x:1235:\n",
	}
	for name, more := range databases {
		content, err := os.ReadFile("/etc/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(content), "root:x:0:", "root:x:0:helper", 1)
		if name == "passwd" {
			text = string(content)
		}
		s.Write(name, text+more)
	}
	for keys, want := range map[string]string{
		`user = "toor"`:                          `the user toor has uid 0; if you mean root, set user = "root"`,
		`user = "operator"`:                      `the user operator is in the group with gid 0; if you mean that, set group = "root"`,
		`user = "helper"`:                        `the user helper is in the group with gid 0`,
		"user = \"helper\"\ngroup = \"plain\"":   `the user helper is in the group with gid 0`,
		`group = "wheel"`:                        `the group wheel has gid 0; if you mean root's group, set group = "root"`,
		"user = \"plain\"\ngroup = \"wheel\"":    `the group wheel has gid 0`,
		`user = "root"`:                          "",
		`user = "0"`:                             "",
		`group = "root"`:                         "",
		"user = \"helper\"\ngroup = \"root\"":    "",
		"user = \"operator\"\ngroup = \"plain\"": "",
		`user = "plain"`:                         "",
	} {
		s.Configure(s.Task("T", 1) + keys + "\n")
		out, err := exec.Command("unshare", "--mount", "sh", "-ec",
			`mount --bind "$1/passwd" /etc/passwd; mount --bind "$1/group" /etc/group; exec "$2" check "$1/gordon.toml"`,
			"sh", s.Dir(), s.Binary).CombinedOutput()
		if (err == nil) != (want == "") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %s", keys, err, out)
		}
	}
}
