package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestReach(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	if err := reach(s.URL); err != nil {
		t.Errorf("a server that answers 404 is there, but: %v", err)
	}
	s.Close()
	if err := reach(s.URL); err == nil {
		t.Error("a server that is closed was reached")
	}
}
