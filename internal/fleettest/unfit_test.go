package fleettest

import (
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// A host without the script fails at once, faster than another one can run anything: it
// must not take what the other one could run.
func TestAHostWithoutTheScriptLeavesEntriesToOthers(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, `echo "$1" >>"$S/ran"`, "")
	without, with := f.nodes[0], f.nodes[1]
	without.site.Configure("[tasks.job]\nscript = \"" + without.site.File("nowhere") + "\"\nworkers = 8\n")
	f.start(without, with)
	const entries = 2000
	for n := range entries {
		f.redis.Push(t, "q:job", gordontest.Numbered(n))
	}
	gordontest.Until(t, "all are gone", func() bool {
		return len(f.redis.Keys(t, "q:job")) == 0 && len(f.redis.Keys(t, "q:job:run:*")) == 0
	})
	ran, failed := len(f.lines("ran")), len(f.redis.List(t, "q:job:failed"))
	t.Logf("%d of %d failed on the host without the script", failed, entries)
	if ran+failed != entries || failed > 30 {
		t.Errorf("%d ran, and %d of %d failed on the host without the script", ran, failed, entries)
	}
	without.daemon.Says("this host cannot start tasks of this type")
}
