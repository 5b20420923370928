package redisconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/redistest"
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
		err := Classify(fmt.Errorf("context: %w", redis.Error(text)))
		if !errors.Is(err, &ReplyError{Code: code}) || !Refused(err) {
			t.Errorf("%s: got %#v", text, err)
		}
	}
	if err := Classify(io.EOF); !errors.Is(err, io.EOF) || Refused(err) {
		t.Errorf("got %v", err)
	}
}

// FuzzClassify checks that every error answer becomes a ReplyError with its text.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{"", "-", "ERR Error running script (call to f_0): @user_script:1: -OOM x", "ERR ACL failure in script: x", "ERR Protocol error: x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := Classify(redis.Error(text))
		var reply *ReplyError
		if strings.HasPrefix(text, protocolError) {
			if !errors.Is(err, ErrRequestRejected) || Refused(err) {
				t.Fatalf("%#v", err)
			}
		} else if !errors.As(err, &reply) || reply.Text != text || len(reply.Error()) > 1000 {
			t.Fatalf("%#v", err)
		}
	})
}

// The text of an error is for people who do not know the library.
func TestErrorsAreInWords(t *testing.T) {
	t.Parallel()
	plain := redistest.New(t)
	locked := redistest.New(t)
	locked.Do(t, "CONFIG", "SET", "requirepass", "secret")
	full := redistest.New(t)
	if _, err := full.Conn(t).Do("CONFIG", "SET", "maxclients", "1"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		network, address string
		change           func(*Options)
		want             string
	}{
		"HTTP":         {"tcp", speak(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), nil, "this is an HTTP server"},
		"TLS":          {"tcp", speak(t, "\x15\x03\x01\x00\x02\x02\x46"), nil, "set enabled = true in [redis.tls]"},
		"SSH":          {"tcp", speak(t, "SSH-2.0-OpenSSH_9.2\r\n"), nil, `not a redis response: it begins with "SSH-2.0-OpenSSH_9.2`},
		"line endings": {"tcp", speak(t, "+OK\n+OK\n"), nil, "not a redis response: a line without a terminator"},
		"end":          {"tcp", closeAfterRequest(t), nil, "the server has closed the connection"},
		"plain, not TLS": {"unix", plain.Socket, func(o *Options) {
			o.TLS, o.DialTimeout = &TLS{ServerName: "x"}, 50*time.Millisecond
		}, "the server did not answer the TLS handshake"},
		"HTTP, not TLS": {"tcp", speak(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), func(o *Options) {
			o.TLS = &TLS{ServerName: "x"}
		}, "the server does not support TLS"},
		"password":   {"unix", locked.Socket, nil, "NOAUTH Authentication required. (set password_file in [redis]"},
		"maxclients": {"unix", full.Socket, nil, "max number of clients reached (raise maxclients"},
	} {
		o := Options{Network: c.network, Address: c.address, Instance: "test", CommandTimeout: 5 * time.Second}
		if c.change != nil {
			c.change(&o)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		conn, err := NewClient(o).Dial(ctx, nil)
		cancel()
		if err == nil {
			conn.Close()
		}
		text := fmt.Sprint(err)
		if !strings.Contains(text, c.want) || strings.Contains(text, "redigo") || strings.Contains(text, "EOF") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// closeAfterRequest closes each connection after it has read something.
func closeAfterRequest(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadAtLeast(c, make([]byte, 4096), 20)
			c.Close()
		}
	}()
	return l.Addr().String()
}
