package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// sourcesOf returns the Go files of a folder without their tests, in one.
func sourcesOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no Go files (%v)", dir, err)
	}
	var text strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			text.WriteString(read(t, filepath.Join(dir, filepath.Base(file))))
		}
	}
	return text.String()
}

// find returns the first group of every match, sorted and each once. That there is
// none is a fault of the test: what it looks for has moved.
func find(t *testing.T, pattern, text string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("nothing matches %s", pattern)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// build builds gordon and returns its path.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gordon")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/gordon").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// section returns the text of a page from .Sh NAME to the next .Sh.
func section(t *testing.T, page, name string) string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n.Sh "+name+"\n")
	if !found {
		t.Fatalf("the page has no section %s", name)
	}
	text, _, _ = strings.Cut(text, "\n.Sh ")
	return text
}
