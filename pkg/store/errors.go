package store

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// ReplyError is an error that the server answered. The command that got it was
// not carried out.
//
// Its first word is a code by convention of the Redis protocol
// (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors),
// which makes it fit to decide on, unlike the rest of the text.
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
	return text + hints(e.Code, e.Text)
}

// maxText bounds how much of an answer is shown, in bytes: that to an unknown command
// quotes its arguments.
const maxText = 200

// hints says what to do about refusals that most people meet at first.
func hints(code, text string) string {
	switch code {
	case "NOAUTH":
		return " (set password_file in [redis], for a sentinel in [redis.sentinel])"
	case "WRONGPASS":
		return " (see username and password_file in [redis], for a sentinel in [redis.sentinel])"
	case "READONLY":
		return " (this is a replica: name the primary, or its sentinels in [redis.sentinel])"
	case "MOVED", "ASK":
		return " (this is a cluster, and another of its nodes has the keys: name that one)"
	}
	if crowded(text) {
		return " (raise maxclients in redis.conf; gordon takes two connections for each type, and five more)"
	}
	return ""
}

// crowded reports whether a server refuses because it has as many clients as it may.
func crowded(text string) bool { return strings.HasPrefix(text, "ERR max number of clients") }

// closedError is what io.EOF means here.
type closedError struct{}

func (closedError) Error() string { return "the server has closed the connection" }

// Unwrap makes errors.Is(err, io.EOF) work.
func (closedError) Unwrap() error { return io.EOF }

// Is makes errors.Is(err, &ReplyError{Code: "OOM"}) work.
func (e *ReplyError) Is(target error) bool {
	t, ok := target.(*ReplyError)
	return ok && t.Code == e.Code && (t.Text == "" || t.Text == e.Text)
}

// Refused tells whether err is the server's own answer, so that the command is
// known not to have been carried out.
func Refused(err error) bool {
	var reply *ReplyError
	return errors.As(err, &reply)
}

// ErrOldServer is wrapped by the error for a server that lacks BLMOVE.
var ErrOldServer = errors.New("gordon needs Redis 6.2 or newer, or Valkey")

// ErrRequestRejected is wrapped by the error for what Redis does not read to its end, such as a
// string longer than "proto-max-bulk-len": it closes the connection.
var ErrRequestRejected = errors.New("redis does not read this command")

// hangsUp begins the one answer after which Redis closes the connection
// (setProtocolError in its networking.c). It has no code of its own.
const hangsUp = "ERR Protocol error"

// ErrMissing is wrapped by the error for a server without a command that gordon needs.
var ErrMissing = errors.New("gordon needs commands that this server does not have, or has under another name (rename-command)")

// typed turns redigo's error of a reply into a ReplyError and leaves others.
func typed(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	text := string(reply)
	if strings.HasPrefix(text, hangsUp) {
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

// scriptError finds the code of an error within a script as Redis 6.2 words it;
// from 7.0 on it comes first, as everywhere else.
var scriptError = regexp.MustCompile(`^ERR Error running script .*: @user_script: ?\d+: -([A-Z]+) `)

// deniedInScript is what a script gets to hear that calls what its user may not:
// the one refusal that has no code of its own, in the words of Redis 7.0 and of later
// ones and Valkey (scriptVerifyACL in their script.c).
var deniedInScript = regexp.MustCompile(`^ERR (?:The user executing the script can't |ACL failure in script: )`)
