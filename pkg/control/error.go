package control

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
)

// Error is the daemon's answer that it refused or failed to do something.
type Error struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// ExitCode is the exit status for the command that made the request. It is 0 if
	// the answer has none: an older daemon sends text.
	ExitCode int `json:"exit_code"`
	// Message is for a person. It may have several lines.
	Message string `json:"error"`
}

func (e *Error) Error() string { return e.Message }

const (
	jsonType = "application/json"
	// maxMessage bounds a text that is shown to a person: a list of faults, not more.
	maxMessage = 64 << 10
	// maxAnswer bounds an answer that is read. JSON needs up to 6 bytes for one of a
	// message, so an answer with the longest message fits.
	maxAnswer = 8 * maxMessage
)

// WriteError answers a request with an error, in JSON if the client accepts it.
//
// The command of an older gordon does not ask for JSON. It may meet this daemon during
// an upgrade. It prints the body as it is and takes its exit status from the HTTP
// status, so it gets plain text.
func WriteError(w http.ResponseWriter, r *http.Request, e *Error) {
	short := *e
	short.Message = e.Message[:min(len(e.Message), maxMessage)]
	if r.Header.Get("Accept") != jsonType {
		http.Error(w, short.Message, e.Status)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(short) // fails only if the client has gone
}

// readError reads an answer as WriteError writes it. An answer in another form comes
// from an older daemon, from net/http, or from a process in the daemon's place: all of
// it is the message then.
func readError(status int, contentType, body string) *Error {
	e := &Error{}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind != jsonType || json.Unmarshal([]byte(body), e) != nil {
		e = &Error{Message: body}
	}
	e.Status, e.Message = status, shown(e.Message)
	return e
}

// shown returns text as a person may read it: bounded, and safe to print.
func shown(text string) string {
	return printable(strings.TrimSpace(text[:min(len(text), maxMessage)]))
}
