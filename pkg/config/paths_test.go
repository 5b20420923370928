package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCompat_RelativeScriptIsRelativeToBinary(t *testing.T) {
	for script, want := range map[string]string{
		"run.sh":       "/opt/gordon/run.sh",
		"./a/../b.sh":  "/opt/gordon/b.sh",
		"../x/run.sh":  "/opt/x/run.sh",
		"/usr/bin/env": "/usr/bin/env",
		"/a//b/":       "/a/b",
		"~/run.sh":     "/opt/gordon/~/run.sh",
		"with blanks":  "/opt/gordon/with blanks",
		"äöü/日本.sh":    "/opt/gordon/äöü/日本.sh",
	} {
		c := load(t, "[tasks.mail]\nscript = \""+script+"\"\n")
		if got := c.Tasks["mail"].Script; got != want {
			t.Errorf("script = %q: got %q, want %q", script, got, want)
		}
	}
}

func TestCompat_RelativeLogfileAndTempDirAreRelativeToBinary(t *testing.T) {
	c := load(t, "logfile = \"g.log\"\ntemp_dir = \"tmp\"\n[stats]\ntls_cert_file = \"c.pem\"\ntls_key_file = \"k.pem\"\n"+task())
	for _, got := range [][2]string{
		{c.Logfile, "/opt/gordon/g.log"},
		{c.TempDir, "/opt/gordon/tmp"},
		{c.Stats.TLSCertFile, "/opt/gordon/c.pem"},
		{c.Stats.TLSKeyFile, "/opt/gordon/k.pem"},
	} {
		if got[0] != got[1] {
			t.Errorf("got %q, want %q", got[0], got[1])
		}
	}
}

func TestCompat_ErrorScriptIsKeptAsWritten(t *testing.T) {
	for _, script := range []string{"notify", "bin/notify", "./notify", "/opt/notify"} {
		if got := load(t, "error_script = \""+script+"\"\n"+task()).ErrorScript; got != script {
			t.Errorf("got %q, want %q", got, script)
		}
	}
}

func TestRelativeBinDirIsMadeAbsolute(t *testing.T) {
	dir := folder(t, "g.toml", "[tasks.mail]\nscript = \"run.sh\"\n")
	c, err := Load(filepath.Join(dir, "g.toml"), "bin")
	if err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Tasks["mail"].Script, filepath.Join(wd, "bin/run.sh"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTempDirDefaultsToTheSystems(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if got := load(t, task()).TempDir; got != dir {
		t.Errorf("got %q, want %q", got, dir)
	}
	t.Setenv("TMPDIR", "relative")
	if got := defaultTempDir(); got != "/relative" {
		t.Errorf("got %q, want it absolute", got)
	}
}

func TestPath(t *testing.T) {
	dir := folder(t, "there.toml", "")
	there, missing := filepath.Join(dir, "there.toml"), filepath.Join(dir, "missing.toml")
	blocked := filepath.Join(there, "gordon.toml") // stat says ENOTDIR, not ENOENT
	for _, tc := range []struct{ name, flag, system, want string }{
		{"the flag wins", "my.toml", there, "my.toml"},
		{"the system's file", "", there, there},
		{"beside the binary", "", missing, "/opt/gordon/gordon.config.toml"},
		{"what can't be looked at is not skipped", "", blocked, blocked},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := choosePath(tc.flag, tc.system, binDir); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if got := Path("x.toml", binDir); got != "x.toml" {
		t.Errorf("Path: got %q", got)
	}
}
