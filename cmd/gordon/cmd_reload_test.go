package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A daemon that was killed leaves its socket behind.
func TestReloadViaTheSocketOfADeadDaemon(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := reloadVia(t.Context(), path); err == nil || !strings.Contains(err.Error(), "is gordon running") {
		t.Errorf("got %v", err)
	}
}
