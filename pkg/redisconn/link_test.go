package redisconn

import (
	"errors"
	"os"
	"testing"
)

func TestUseSaysWhereItCouldNotConnect(t *testing.T) {
	l := NewClient(Options{Network: "unix", Address: "/nonexistent/socket", Instance: "n"}).Link(false)
	err := l.Use(t.Context(), func(*Conn) error { t.Error("called"); return nil })
	if err == nil || Refused(err) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
