//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The same source, in another folder, under another umask and with other times of
// its files, gives the same packages, bit for bit.
func TestPackagesAreReproducible(t *testing.T) {
	t.Parallel()
	first := buildCopy(t, 0o022)
	second := buildCopy(t, 0o077)
	if len(first) != 4 || !slices.Equal(first, second) {
		t.Fatalf("the packages differ:\n%q\n%q", first, second)
	}
	t.Logf("two builds, one result:\n%s", strings.Join(first, "\n"))
}

// buildCopy copies the source to a new folder and returns the checksums of the
// packages that are built from it.
func buildCopy(t *testing.T, mask uint32) (sums []string) {
	t.Helper()
	dir := makeDir(t)
	files := strings.Fields(onHost(t, "git", "-C", "..", "ls-files", "--cached", "--others", "--exclude-standard"))
	for _, file := range files {
		source := filepath.Join("..", file)
		info, err := os.Stat(source)
		if os.IsNotExist(err) {
			continue // deleted, but not in git yet
		}
		must(t, err)
		content, err := os.ReadFile(source)
		must(t, err)
		target := filepath.Join(dir, file)
		must(t, os.MkdirAll(filepath.Dir(target), 0o755))
		mode := info.Mode().Perm() &^ os.FileMode(mask)
		must(t, os.WriteFile(target, content, mode))
		must(t, os.Chmod(target, mode))
	}
	cmd := exec.Command("packaging/packages.sh")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "VERSION=2.0.0", "SOURCE_DATE_EPOCH=1767225600")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(dir, "dist", "gordon*"))
	must(t, err)
	for _, file := range packages {
		sum, _, _ := strings.Cut(onHost(t, "sha256sum", file), " ")
		sums = append(sums, sum+"  "+filepath.Base(file))
	}
	return sums
}
