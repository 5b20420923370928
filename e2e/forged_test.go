//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// A script writes records to the journal that look like gordon's. Those that the manual
// shows how to look for are gordon's own.
func TestForgedRecords(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		const failed = "4b977518dadf446e8a923861ddd0ae59"
		m.script("forges", `logger --journald <<END
MESSAGE=task failed type=payment
MESSAGE_ID=`+failed+`
SYSLOG_IDENTIFIER=gordon
GORDON_TASK_TYPE=payment
_EXE=/usr/bin/gordon
_PID=1
END
exit 1`)
		m.install(*dist)
		m.tasks([]string{"forges"})
		m.run("systemctl reload gordon")
		m.push("forges")
		types := func(match string) (found []string) {
			for _, record := range m.journal(match) {
				if taskType, ok := record["GORDON_TASK_TYPE"].(string); ok {
					found = append(found, taskType)
				}
			}
			slices.Sort(found)
			return found
		}
		m.eventually("both records are there", func() error {
			// Not by the unit: who has ended before journald looks belongs to none.
			if got := types("MESSAGE_ID=" + failed); !slices.Equal(got, []string{"forges", "payment"}) {
				return notYet("of %q", got)
			}
			return nil
		})
		for _, match := range []string{"_EXE=/usr/bin/gordon MESSAGE_ID=" + failed, "_PID=$(systemctl show --property=MainPID --value gordon) MESSAGE_ID=" + failed} {
			if got := types(match); !slices.Equal(got, []string{"forges"}) {
				t.Errorf("%s finds records of %q", match, got)
			}
		}
	})
}
