package faulttest

import (
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// As TestRedisComesBackWithThePast, but nothing new comes into the run list that
// Redis has filled again: a stop must not leave it behind with nobody on record
// who could recover it.
func TestThePastIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	s := newPast(t)
	s.daemon.Says("reconnected to redis")
	s.daemon.Stop()
	s.start()
	gordontest.Until(t, "the run list is empty", s.settled)
	s.daemon.Stop()
}
