package redisconn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sys/unix"
)

// ReplyError is an error that the server answered. It has not carried out the command.
//
// By convention of the Redis protocol, the first word is a code
// (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors). Callers
// may decide on it, but not on the rest of the text.
type ReplyError struct {
	// Code is the first word: ERR, LOADING, READONLY, OOM, NOAUTH, WRONGTYPE, …
	Code string
	// Text is the whole answer.
	Text string
}

func (e *ReplyError) Error() string {
	text := "redis: " + e.Text
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text + hint(e.Code, e.Text)
}

// Is makes errors.Is(err, &ReplyError{Code: "OOM"}) work.
func (e *ReplyError) Is(target error) bool {
	t, ok := target.(*ReplyError)
	return ok && t.Code == e.Code && (t.Text == "" || t.Text == e.Text)
}

// maxText limits how much of an answer is shown, in bytes: the answer to an unknown
// command quotes its arguments.
const maxText = 200

// hint returns advice for the refusals that most people meet first.
func hint(code, text string) string {
	switch code {
	case "NOAUTH":
		return " (set password_file in [redis], for a sentinel in [redis.sentinel])"
	case "WRONGPASS":
		return " (see username and password_file in [redis], for a sentinel in [redis.sentinel])"
	case "READONLY":
		return " (this is a replica: configure the primary, or the sentinels in [redis.sentinel])"
	case "MOVED", "ASK":
		return " (this is a cluster and another node owns the keys: configure that node)"
	}
	if isMaxClients(text) {
		return " (raise maxclients in redis.conf; gordon takes two connections for each type, and five more)"
	}
	return ""
}

// isMaxClients reports whether a server refuses because it has as many clients as it may.
func isMaxClients(text string) bool { return strings.HasPrefix(text, "ERR max number of clients") }

// Refused reports whether err is an answer of the server, so that it has certainly not
// carried out the command.
func Refused(err error) bool {
	var reply *ReplyError
	return errors.As(err, &reply)
}

// ErrRequestRejected is wrapped by the error for a request that Redis does not read to
// its end, such as a string longer than "proto-max-bulk-len": it closes the connection.
var ErrRequestRejected = errors.New("redis cannot parse this command")

// protocolError begins the only answer after which Redis closes the connection
// (setProtocolError in its networking.c). It has no code of its own.
const protocolError = "ERR Protocol error"

// Classify turns redigo's error for a reply into a [ReplyError] or [ErrRequestRejected].
// It returns other errors unchanged.
func Classify(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	text := string(reply)
	if strings.HasPrefix(text, protocolError) {
		return fmt.Errorf("%w: %s", ErrRequestRejected, text)
	}
	code, _, _ := strings.Cut(text, " ")
	if m := scriptError.FindStringSubmatch(text); m != nil {
		code = m[1]
	}
	if deniedInScript.MatchString(text) {
		code = "NOPERM"
	}
	return &ReplyError{Code: code, Text: text}
}

// scriptError finds the code of an error within a script, in the words of Redis 6.2.
// From 7.0 on, the code comes first, as everywhere else.
var scriptError = regexp.MustCompile(`^ERR Error running script .*: @user_script: ?\d+: -([A-Z]+) `)

// deniedInScript matches the answer to a script that calls a command which its user may
// not call. It is the only refusal without a code of its own, in the words of Redis 7.0
// and of later versions and Valkey (scriptVerifyACL in their script.c).
var deniedInScript = regexp.MustCompile(`^ERR (?:The user executing the script can't |ACL failure in script: )`)

// closedError is io.EOF in words.
type closedError struct{}

func (closedError) Error() string { return "the server has closed the connection" }

// Unwrap makes errors.Is(err, io.EOF) work.
func (closedError) Unwrap() error { return io.EOF }

// wordedConn is a connection that describes its end in words.
type wordedConn struct{ net.Conn }

// Write implements net.Conn. A server that refuses a client answers before it has read
// anything, and closes the connection: the write fails, and the reason waits to be read.
// So a write to a closed connection is no error. The read that follows each request
// returns the reason, or the end of the connection.
func (w *wordedConn) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return len(b), nil
	}
	return n, err
}

// Read implements net.Conn.
func (w *wordedConn) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err == io.EOF { //nolint:errorlint // as io.Reader has it, never wrapped
		err = closedError{}
	}
	return n, err
}
