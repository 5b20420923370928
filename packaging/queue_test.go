package packaging

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// gordon-queue(7) lists every key of Redis that the program uses, and no other.
func TestManualHasRedisKeys(t *testing.T) {
	program := redisKeys(t)
	page := find(t, `(?m)^\.It (Cm taskqueue:.*)$`, section(t, read(t, "man/gordon-queue.7"), "KEYS"))
	words := strings.NewReplacer("Cm ", "", "Ar ", "", "Ns ", "", `\&`, "", " ", "")
	for i, key := range page {
		page[i] = words.Replace(key)
	}
	slices.Sort(page)
	if diff := cmp.Diff(program, page); diff != "" {
		t.Errorf("-program +page\n%s", diff)
	}
}

// redisKeys returns every key of store.Keys, for the type T, the instance I and the run
// list S.
func redisKeys(t *testing.T) []string {
	t.Helper()
	const list = 7 // S: a number that no other part of a key has
	k := store.Keys{Prefix: "taskqueue"}
	keys := []string{
		k.Queue("T"), k.Failed("T"), k.Delayed("T"), k.Run("T", "I", list),
		k.Instances(), k.Duty(), k.Notes("I"), k.Lease("I"), k.Connections("I"), k.Suspect("I"), k.Takeover("I"),
		k.Paused(), k.Control(), k.Own("I"),
	}
	count, text := 0, reflect.TypeFor[string]()
	for m := range reflect.TypeFor[store.Keys]().Methods() {
		if m.Type.Out(0) == text {
			count++
		}
	}
	if count != len(keys) {
		t.Fatalf("%d methods of store.Keys name a key, this test calls %d: add the new one here", count, len(keys))
	}
	for i, key := range keys {
		keys[i] = strings.Replace(key, ":7", ":S", 1)
	}
	slices.Sort(keys)
	return keys
}
