package packaging

import (
	"debug/buildinfo"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What "make build" builds is what the packages ship, whatever the environment asks
// for.
func TestMakeBuildsWhatThePackagesShip(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "gordon")
	build := exec.Command("make", "build", "VERSION=1.2.3", "BINARY="+binary)
	build.Dir = ".."
	build.Env = append(build.Environ(), "CGO_ENABLED=1", "GOFLAGS=-race")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"CGO_ENABLED": "0", "-buildmode": "pie", "-trimpath": "true", "-race": ""}
	got := map[string]string{}
	for _, s := range info.Settings {
		got[s.Key] = s.Value
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	script := read(t, "packaging/packages.sh")
	if !strings.Contains(script, "scripts/build.sh") || strings.Contains(script, "go build") {
		t.Error("packages.sh builds in a way of its own")
	}
}
