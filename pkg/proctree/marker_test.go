package proctree

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// The marker is found at any position, however the environment is split into reads.
func TestFindMarker(t *testing.T) {
	var buf buffer
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(
			rapid.SampledFrom([]string{taskenv.TaskID + "=", taskenv.TaskID, "=", "X" + taskenv.TaskID + "=1", "", "\x00", taskenv.TaskID + "=\x00", "\x00" + taskenv.TaskID + "=a.b.1\x00", "GORDON_TASK_"}),
			rapid.Custom(func(t *rapid.T) string {
				return strings.Repeat("x", rapid.IntRange(len(buf)-len(taskenv.TaskID)-3, len(buf)+3).Draw(t, "long"))
			}),
		)
		environ := []byte(strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "environ"), ""))
		var want string
		var there bool
		for kv := range bytes.SplitSeq(environ, []byte{0}) {
			value, ok := bytes.CutPrefix(kv, []byte(taskenv.TaskID+"="))
			if ok {
				want, there = string(value), len(value) < len(buf)/2
				if len(value) >= len(buf)/2 && len(value) < len(buf) {
					t.Skip("may fit or not")
				}
				break
			}
		}
		if !there {
			want = ""
		}
		reader := iotest.HalfReader(bytes.NewReader(environ))
		if rapid.Bool().Draw(t, "with the end") {
			reader = iotest.DataErrReader(bytes.NewReader(environ))
		}
		got, found, err := findMarker(reader, &buf)
		if err != nil || found != there || got != want {
			t.Fatalf("got %.80q (%d bytes), %v, %v; want %.80q, %v", got, len(got), found, err, want, there)
		}
	})
	failing := errors.New("failing")
	if _, found, err := findMarker(iotest.ErrReader(failing), &buf); found || !errors.Is(err, failing) {
		t.Errorf("%v, %v", found, err)
	}
}
