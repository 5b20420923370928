package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// A daemon that was killed leaves its socket behind.
func TestReloadViaTheSocketOfADeadDaemon(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	gordontest.DeadSocket(t, path)
	if err := reloadVia(t.Context(), path); err == nil || !strings.Contains(err.Error(), "is gordon running") {
		t.Errorf("got %v", err)
	}
}
