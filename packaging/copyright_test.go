package packaging

import (
	"os/exec"
	"strings"
	"testing"
)

// Every module that is part of the binary is in the copyright file.
func TestCopyrightHasEveryModule(t *testing.T) {
	out, err := exec.Command("go", "version", "-m", build(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	copyright := read(t, "packaging/deb/copyright")
	for _, module := range find(t, `(?m)^\tdep\t(\S+)`, string(out)) {
		if !strings.Contains(copyright, " "+module+"/*\n") {
			t.Errorf("the copyright file does not name %s", module)
		}
	}
}
