package faulttest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that docs/reliability.md names is there: a table of proofs must not
// outlive them.
func TestDocumentedTestsExist(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(documents)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(?:([a-z0-9]+)\\.)?(Test\\w+)(?:/[^`]+)?`").FindAllStringSubmatch(string(content), -1)
	if len(named) < 20 {
		t.Fatalf("only %d tests are named", len(named))
	}
	folders := map[string]string{"": ".", "daemontest": "../daemontest", "e2e": "../../e2e", "fleettest": "../fleettest", "host": "../../pkg/host", "redisconn": "../../pkg/redisconn", "store": "../../pkg/store", "taskqueue": "../../pkg/taskqueue", "watch": "../../pkg/watch"}
	for _, n := range named {
		folder, ok := folders[n[1]]
		if !ok {
			t.Errorf("%s: no such package", n[0])
			continue
		}
		if !declared(t, folder, n[2]) {
			t.Errorf("%s is not there", n[0])
		}
	}
}

// declared tells whether a folder has a test of this name.
func declared(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}
