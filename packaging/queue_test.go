package packaging

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gordon-queue(7) lists every key of Redis that the program uses, and no other.
func TestManualHasRedisKeys(t *testing.T) {
	program := find(t, `(?m)is the (?:sorted )?\w+ (Q:[A-Za-z:]*[A-Za-z])`, read(t, "pkg/store/keys.go"))
	for i, key := range program {
		program[i] = strings.Replace(key, "Q:", "taskqueue:", 1)
	}
	page := find(t, `(?m)^\.It (Cm taskqueue:.*)$`, section(t, read(t, "man/gordon-queue.7"), "KEYS"))
	words := strings.NewReplacer("Cm ", "", "Ar ", "", "Ns ", "", `\&`, "", " ", "")
	for i, key := range page {
		page[i] = words.Replace(key)
	}
	slices.Sort(program)
	slices.Sort(page)
	if diff := cmp.Diff(program, page); diff != "" {
		t.Errorf("-program +page\n%s", diff)
	}
}
