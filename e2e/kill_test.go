//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// An administrator sends signals with "systemctl kill", which reach the tasks as well:
// no entry is lost, although no failed list is kept.
func TestSystemctlKill(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("long", `echo "$1" >>/var/lib/gordon/started
while ! [ -e /var/lib/gordon/go ]; do sleep 0.1; done
echo "$1" >>/var/lib/gordon/done`)
		m.install(*dist)
		m.tasks([]string{"long"}, "workers = 4")
		m.run("systemctl reload gordon")
		for n := range 5 {
			m.push("long", fmt.Sprint(n))
		}
		runs := 4
		m.waitLines("/var/lib/gordon/started", runs)
		for _, signal := range []string{"TERM", "HUP", "USR1", "INT"} {
			before := m.mainPID()
			// The tasks and their control groups may be gone before systemd has come to
			// all of them, which it reports as a failure.
			if said, err := m.try("systemctl kill --signal=" + signal + " gordon"); err != nil && !strings.Contains(err.Error()+said, "No such device") {
				t.Fatalf("%v: %s", err, said)
			}
			runs += 4
			m.waitLines("/var/lib/gordon/started", runs)
			m.waitActive()
			if stops := signal == "TERM" || signal == "INT"; stops == (m.mainPID() == before) {
				t.Errorf("after SIG%s: pid %d, before it was %d", signal, m.mainPID(), before)
			}
		}
		// To gordon alone, as the manual has it.
		m.run("systemctl kill --kill-whom=main --signal=HUP gordon")
		m.eventually("gordon has reloaded", func() error {
			if _, err := m.try("journalctl --quiet --unit gordon MESSAGE_ID=2ea3cfd4a11d4f2caa2fae35bcdc036c --output=cat | tail -n +3 | grep ."); err != nil {
				return errNotYet
			}
			return nil
		})
		m.run("touch /var/lib/gordon/go")
		done := m.waitLines("/var/lib/gordon/done", 5)
		slices.Sort(done)
		if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(done, want) {
			t.Errorf("done %q", done)
		}
		if started := m.lines("/var/lib/gordon/started"); len(started) != runs+1 {
			t.Errorf("%d runs, want %d", len(started), runs+1)
		}
		wantEmpty(m, "long")
		t.Log("systemctl kill with TERM, HUP, USR1 and INT: no entry was lost, each ran to its end once")
	})
}
