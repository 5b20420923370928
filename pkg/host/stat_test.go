package host_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

// rest is the end of a stat line, from the state on, with the fields that are
// read in their places.
const rest = " S 12 34 34 0 -1 4194560 93 0 0 0 0 0 0 0 20 0 3 0 5678 2600960 400 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"

func TestParseStat(t *testing.T) {
	for _, comm := range []string{"sh", "", "a b", "(sd-pam)", "a) Z 1 (b", "))", "((", ") ) )", "a\nb", ") S 1 2 3", "ü"} {
		got, err := host.ParseStat([]byte("56 (" + comm + ")" + rest))
		if err != nil {
			t.Errorf("%q: %v", comm, err)
			continue
		}
		want := host.Stat{PID: 56, Comm: comm, State: 'S', PPID: 12, PGID: 34, Threads: 3, StartTime: 5678}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", comm, diff)
		}
	}
}

func TestParseStatRefuses(t *testing.T) {
	for _, line := range []string{
		"", "56", "56 (sh", "56 sh)", ")(", "(sh)" + rest, "56 (sh) S 1 2", "x (sh)" + rest,
		"56 (sh)" + strings.Replace(rest, " S ", " SS ", 1),
		"56 (sh)" + strings.Replace(rest, "5678", "-1", 1),
		"56 (sh)" + strings.Replace(rest, "12", "x", 1),
	} {
		if got, err := host.ParseStat([]byte(line)); err == nil {
			t.Errorf("%q gives %+v", line, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("56 (sh)" + rest))
	f.Add([]byte("1 (a) b) Z 0 0"))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := host.ParseStat(line)
		if err != nil && got != (host.Stat{}) {
			t.Errorf("both a result and an error: %+v, %v", got, err)
		}
	})
}

func TestReadStatOfThisProcess(t *testing.T) {
	got, err := host.ReadStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got.PID != os.Getpid() || got.PPID != os.Getppid() || got.StartTime == 0 || got.Ended() {
		t.Errorf("got %+v", got)
	}
}

func TestReadStatOfNobody(t *testing.T) {
	if got, err := host.ReadStat(1 << 30); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A real process may choose a name that looks like the rest of the line.
func TestReadStatOfMisleadingName(t *testing.T) {
	const name = "a) Z 1 1 (b"
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink("/bin/sleep", path); err != nil {
		t.Fatal(err)
	}
	p, err := os.StartProcess(path, []string{name, "1000"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = p.Kill()
		_, _ = p.Wait()
	}()
	got, err := host.ReadStat(p.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if got.Comm != name || got.PID != p.Pid || got.PPID != os.Getpid() || got.Ended() {
		t.Errorf("got %+v", got)
	}
}

func TestEnded(t *testing.T) {
	for _, tc := range []struct {
		state   byte
		threads int
		want    bool
	}{
		{'Z', 1, true},
		{'Z', 0, true},
		{'X', 1, true},
		{'R', 1, false},
		{'T', 1, false},
		{'D', 1, false},
		{'Z', 2, false}, // only the first thread has ended
	} {
		if got := (host.Stat{State: tc.state, Threads: tc.threads}).Ended(); got != tc.want {
			t.Errorf("state %c with %d threads: %v", tc.state, tc.threads, got)
		}
	}
}
