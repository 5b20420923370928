package redisconn

import (
	"errors"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// After a server had no place for a link, the links pause, so that producers find a place.
// Urgent links do not pause.
func TestACrowdedServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := redistest.New(t)
	c := NewClient(Options{Network: "unix", Address: s.Socket, Instance: "test"})
	first := c.Link(false)
	defer first.Close()
	if err := first.Use(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	admin := s.Conn(t)
	allow := func(n int) {
		t.Helper()
		if _, err := admin.Do("CONFIG", "SET", "maxclients", n); err != nil {
			t.Fatal(err)
		}
	}
	allow(1)
	refused := &ReplyError{Code: "ERR"}
	link := c.Link(false)
	for !errors.Is(link.Use(t.Context(), nothing), refused) {
		continue // a refusal may come as a broken pipe
	}
	allow(100)
	if err := link.Use(t.Context(), nothing); !errors.Is(err, refused) {
		t.Errorf("it has asked again: %v", err)
	}
	urgent := c.Link(true)
	defer urgent.Close()
	if err := errors.Join(urgent.Use(t.Context(), nothing), first.Use(t.Context(), nothing)); err != nil {
		t.Error(err)
	}
	c.refusal.until = time.Now()
	defer link.Close()
	if err := link.Use(t.Context(), nothing); err != nil {
		t.Errorf("after the rest: %v", err)
	}
}
