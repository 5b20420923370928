package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Refused is the daemon's own answer that it did not do what was asked.
type Refused struct {
	// Status is the HTTP status, as [Actions.Code] has chosen it.
	Status int
	// Reason is what a person should read; it may have several lines.
	Reason string
}

func (r *Refused) Error() string { return r.Reason }

// maxAnswer bounds an answer that is read: a list of faults, not more.
const maxAnswer = 1 << 20

// Reload asks the daemon behind the socket to reload, and returns when that is
// over. The error is a *Refused when the daemon has answered.
func Reload(ctx context.Context, socket string) error {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gordon/reload", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without an address that means nothing to anybody
	}
	if err != nil {
		return fmt.Errorf("ask the daemon on %s: %w", socket, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return &Refused{Status: answer.StatusCode, Reason: strings.TrimSpace(string(text))}
	}
	return nil
}
