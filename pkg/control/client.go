package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
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
const maxAnswer = 64 << 10

// Reload asks the daemon behind the socket to reload, and returns when that is
// over. The error is a *Refused when the daemon has answered. When ctx ends, the
// daemon drops the attempt.
//
// If daemon is not 0, it is the pid of the daemon, and nobody else is asked: a script
// that runs as the daemon's user can put a socket of its own in the place of the
// daemon's. Whatever comes from the socket is safe to print.
func Reload(ctx context.Context, socket string, daemon int) error {
	_, err := post(ctx, socket, daemon, "/reload")
	return err
}

// Check asks the daemon behind the socket what it would say of its configuration now,
// if that is the file config, as [Reload] would have it. It returns notices, a line
// each, and changes nothing. A daemon that has another configuration, or is too old to
// be asked, is [ErrNotAsked].
func Check(ctx context.Context, socket, config string) (notices string, err error) {
	notices, err = post(ctx, socket, 0, "/check?"+url.Values{"config": {config}}.Encode())
	var refused *Refused
	if errors.As(err, &refused) && slices.Contains([]int{http.StatusConflict, http.StatusNotFound, http.StatusMethodNotAllowed}, refused.Status) {
		return "", fmt.Errorf("%w: %s", ErrNotAsked, refused.Reason)
	}
	return notices, err
}

// ErrNotAsked is for a daemon that cannot judge a configuration.
var ErrNotAsked = errors.New("the daemon has another configuration")

// post sends a request without a body and returns the text of the answer.
func post(ctx context.Context, socket string, daemon int, path string) (string, error) {
	client := http.Client{
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket, daemon) },
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gordon"+path, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := client.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without an address that means nothing to anybody
	}
	if err != nil {
		return "", fmt.Errorf("ask the daemon on %s: %w", socket, &printableError{err})
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read the daemon's answer: %w", &printableError{err})
	}
	if answer.StatusCode != http.StatusOK {
		return "", &Refused{Status: answer.StatusCode, Reason: printable(strings.TrimSpace(string(text)))}
	}
	return printable(strings.TrimSpace(string(text))), nil
}

// printableError is an error whose text may hold what somebody else has sent.
type printableError struct{ error }

func (e *printableError) Error() string { return printable(e.error.Error()) }

func (e *printableError) Unwrap() error { return e.error }

// printable replaces what would do something to a terminal, but for the ends of lines.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
