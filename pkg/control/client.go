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
	"unicode"
)

// Client sends requests to the daemon behind a socket. Everything that it returns is
// safe to print.
type Client struct {
	Socket string
	// PID is the pid of the daemon, or 0 if it is not known. No other process is asked:
	// a script that runs as the daemon's user can put a socket of its own in the place
	// of the daemon's.
	PID int
}

// Post sends a request without a body, and returns the text of the answer. The error
// is an [*Error] if the daemon has answered. When ctx ends, the connection does, and
// the daemon drops the request.
func (c Client) Post(ctx context.Context, path string) (answer string, err error) {
	client := http.Client{
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, c.Socket, c.PID) },
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gordon"+path, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", jsonType)
	resp, err := client.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without the URL, which means nothing to a person
	}
	if err != nil {
		return "", fmt.Errorf("request to the daemon on %s: %w", c.Socket, &printableError{err})
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("reading the response of the daemon: %w", &printableError{err})
	}
	if resp.StatusCode != http.StatusOK {
		return "", readError(resp.StatusCode, resp.Header.Get("Content-Type"), string(body))
	}
	return shown(string(body)), nil
}

// printableError is an error whose text may contain bytes of another process.
type printableError struct{ error }

func (e *printableError) Error() string { return printable(e.error.Error()) }

func (e *printableError) Unwrap() error { return e.error }

// printable replaces every character that could control a terminal. Line breaks stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
