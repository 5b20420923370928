package packaging

import (
	"slices"
	"strings"
	"testing"
)

// Both packages install the commented reference beside the short /etc/gordon.toml, at
// the path that the manual pages and the short file name.
func TestReferenceIsInstalledAtTheDocumentedPath(t *testing.T) {
	contents := read(t, "packaging/nfpm.yaml")
	paths := find(t, `src: etc/gordon\.reference\.toml\n +dst: (\S+)`, contents)
	packagers := find(t, `src: etc/gordon\.reference\.toml\n.*\n +packager: (\w+)`, contents)
	if len(paths) != 1 || !slices.Equal(packagers, []string{"deb", "rpm"}) {
		t.Fatalf("it is installed as %q by %q", paths, packagers)
	}
	for _, document := range []string{"etc/gordon.toml", "man/gordon.8", "man/gordon.toml.5"} {
		if !strings.Contains(read(t, document), paths[0]) {
			t.Errorf("%s does not name %s", document, paths[0])
		}
	}
}

// Without an argument to .Os, the footer of the pages has the name of a BSD.
func TestManualFooterHasGordon(t *testing.T) {
	for _, page := range []string{"man/gordon.8", "man/gordon.toml.5", "man/gordon-queue.7"} {
		if !strings.Contains(read(t, page), "\n.Os Gordon\n") {
			t.Errorf("%s has no .Os Gordon", page)
		}
	}
}
