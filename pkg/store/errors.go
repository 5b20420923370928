package store

import (
	"errors"
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

func (e *ReplyError) Error() string { return "redis: " + e.Text }

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

// typed turns redigo's error of a reply into a ReplyError and leaves others.
func typed(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	text := string(reply)
	code, _, _ := strings.Cut(text, " ")
	return &ReplyError{Code: code, Text: text}
}
