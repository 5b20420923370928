package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const binDir = "/opt/gordon"

// folder writes files, given as pairs of name and text, and returns their folder.
func folder(t testing.TB, nameText ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(nameText); i += 2 {
		path := filepath.Join(dir, nameText[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(nameText[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads files, which must be valid. The first is gordon.toml.
func load(t testing.TB, text string, nameText ...string) *Config {
	t.Helper()
	dir := folder(t, append([]string{"gordon.toml", text}, nameText...)...)
	c, err := Load(filepath.Join(dir, "gordon.toml"), binDir)
	if err != nil {
		t.Fatalf("Load refused:\n%v\ntext:\n%s", err, text)
	}
	return c
}

// refuse loads files, which must have faults. It returns the lines of the error
// without the folder.
func refuse(t testing.TB, text string, nameText ...string) []string {
	t.Helper()
	dir := folder(t, append([]string{"gordon.toml", text}, nameText...)...)
	c, err := Load(filepath.Join(dir, "gordon.toml"), binDir)
	if err == nil {
		t.Fatalf("Load accepted, want faults; text:\n%s", text)
	}
	if c != nil {
		t.Error("Load returned a configuration with an error")
	}
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("error is %T, want Faults", err)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), "\n")
}

// notices returns a configuration's notices without the folder.
func notices(c *Config) []string {
	dir := filepath.Dir(c.Path) + string(filepath.Separator)
	list := make([]string, len(c.Notices))
	for i, n := range c.Notices {
		list[i] = strings.ReplaceAll(n, dir, "")
	}
	return list
}

// task wraps lines for one task named mail.
func task(lines ...string) string {
	return "[tasks.mail]\nscript = \"/bin/true\"\n" + strings.Join(lines, "\n") + "\n"
}
