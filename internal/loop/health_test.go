package loop

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

func TestHealthLogsEachChangeOnce(t *testing.T) {
	log := &bytes.Buffer{}
	h := NewHealth(slog.New(slog.NewTextHandler(log, nil)), "here")
	refused := fmt.Errorf("take: %w", &store.ReplyError{Code: "LOADING", Text: "LOADING Redis is loading"})
	a, b := h.Source(), h.Source()
	a.Report(nil)
	a.Report(errors.New("cut"))
	b.Report(errors.New("cut"))
	a.Report(errors.New("refused"))
	if got := h.Status(); got != "redis not reachable" {
		t.Errorf("status %q", got)
	}
	a.Report(refused)
	b.Report(refused)
	if got := h.Status(); got != "redis refuses (LOADING)" {
		t.Errorf("status %q", got)
	}
	a.Report(nil)
	if got := h.Status(); got != "redis refuses (LOADING)" {
		t.Errorf("status %q while one is in trouble", got)
	}
	b.Report(nil)
	if got := h.Status(); got != "redis ok" {
		t.Errorf("status %q", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log)
	}
	a.Report(errors.New("cut"))
	a.Close()
	if got := h.Status(); got != "redis ok" {
		t.Errorf("status %q after the one in trouble has ended", got)
	}
}
