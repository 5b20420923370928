package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	faults := config.Faults{{File: "f", Message: "bad"}}
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{usage("no such flag"), 2},
		{fmt.Errorf("gave up: %w", taskqueue.ErrRedis), 69},
		{faults, 78},
		{fmt.Errorf("load: %w", faults), 78},
		{errSaid{faults}, 78},
		{fmt.Errorf("%w: no such file", errConfig), 78},
		// What closing says as well does not change the code.
		{errors.Join(fmt.Errorf("gave up: %w", taskqueue.ErrRedis), errors.New("close the log")), 69},
		// A code that came from the daemon counts, whatever it is wrapped in.
		{fmt.Errorf("reload: %w", &exitError{code: 69, err: errConfig}), 69},
	} {
		if got := exitCode(test.err); got != test.want {
			t.Errorf("exitCode(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}

func TestComplainNamesTheProgramOnEachLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	complain(&out, errors.New("one\ntwo"))
	if got, want := out.String(), "gordon: one\ngordon: two\n"; got != want {
		t.Errorf("complain wrote %q, want %q", got, want)
	}
}
