package store

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/gomodule/redigo/redis"
)

func TestReplyErrorsHaveTheCodeOfTheirCause(t *testing.T) {
	for text, code := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                                                                       "LOADING",
		"WRONGTYPE Operation against a key holding the wrong kind of value script: 1a, on @user_script:5.":                     "WRONGTYPE",
		"ERR Error running script (call to f_1a2b): @user_script:5: -READONLY You can't write against a read only replica.":    "READONLY",
		"ERR Error running script (call to f_1a2b): @user_script: 5: -OOM command not allowed when used memory > 'maxmemory'.": "OOM",
		"ERR Error running script (call to f_1a2b): @user_script:1: user_script:1: attempt to compare nil with number":         "ERR",
		"NOAUTH Authentication required.": "NOAUTH",
		"ERR The user executing the script can't run this command or subcommand script: 1a, on @user_script:5.":                "NOPERM",
		"ERR ACL failure in script: User default has no permissions to run the 'ltrim' command script: 1a, on @user_script:5.": "NOPERM",
	} {
		err := typed(fmt.Errorf("context: %w", redis.Error(text)))
		if !errors.Is(err, &ReplyError{Code: code}) || !Refused(err) {
			t.Errorf("%s: got %#v", text, err)
		}
	}
	if err := typed(io.EOF); !errors.Is(err, io.EOF) || Refused(err) {
		t.Errorf("got %v", err)
	}
}
