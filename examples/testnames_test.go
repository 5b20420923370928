package examples_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testName matches a test in a document: its package, its name, and a subtest. A name
// without a package is in the package that was named before it in the same line.
var testName = regexp.MustCompile("`(?:([a-z0-9]+)\\.)?((?:Test|Benchmark|Fuzz)\\w+)(?:/[^`]+)?`")

// A document that names a test as a proof must not outlive it.
func TestNamedTestsExist(t *testing.T) {
	for document, standard := range map[string]struct {
		pkg     string // the package of names that follow no package
		atLeast int
	}{
		"ARCHITECTURE.md": {"", 100}, "docs/reliability.md": {"faulttest", 50},
		"CONTRIBUTING.md": {}, "SECURITY.md": {}, "README.md": {},
	} {
		named := 0
		for line := range strings.Lines(read(t, filepath.Join("..", document))) {
			pkg := standard.pkg
			for _, m := range testName.FindAllStringSubmatch(line, -1) {
				if m[1] != "" {
					pkg = m[1]
				}
				named++
				if !declared(t, pkg, m[2]) {
					t.Errorf("%s: package %q has no %s", document, pkg, m[2])
				}
			}
		}
		if named < standard.atLeast {
			t.Errorf("%s names %d tests, want at least %d: this test no longer reads it right", document, named, standard.atLeast)
		}
	}
}

// declared reports whether the package of this name has a test of this name.
func declared(t *testing.T, pkg, test string) bool {
	t.Helper()
	if pkg == "" {
		return false
	}
	for _, parent := range []string{"../pkg", "../internal", "../cmd", ".."} {
		files, err := filepath.Glob(filepath.Join(parent, pkg, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if regexp.MustCompile(`(?m)^func ` + test + `\(\w+ \*testing\.\w\)`).MatchString(read(t, file)) {
				return true
			}
		}
	}
	return false
}
