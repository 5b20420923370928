package redisconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gomodule/redigo/redis"
)

// fake is a connection that reads from r.
type fake struct {
	net.Conn
	r io.Reader
}

func (f fake) Read(b []byte) (int, error)       { return f.r.Read(b) }
func (f fake) Write(b []byte) (int, error)      { return len(b), nil }
func (f fake) Close() error                     { return nil }
func (f fake) SetReadDeadline(time.Time) error  { return nil }
func (f fake) SetWriteDeadline(time.Time) error { return nil }

func TestAnswersThatClaimTooMuch(t *testing.T) {
	for _, answer := range []string{
		"$9223372036854775807\r\n", "$99999999999\r\n", "$536870913\r\n", "$99999999999999999999999999\r\n",
		"*9223372036854775807\r\n", "*1048577\r\n", "$1x\r\n", "$\r\n",
		strings.Repeat("*1\r\n", 1000), strings.Repeat("*1048576\r\n", 3),
		"*3\r\n:1\r\n$2\r\nab\r\n*1048576\r\n",
	} {
		for name, reader := range map[string]io.Reader{
			"at once": strings.NewReader(answer), "byte by byte": iotest.OneByteReader(strings.NewReader(answer)),
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rc := redis.NewConn(&guard{Conn: fake{r: reader}}, 0, 0)
			_, err := rc.Receive()
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrProtocol) || rc.Err() == nil {
				t.Errorf("%.40q %s: %v", answer, name, err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
				t.Errorf("%.40q %s: %d MiB were allocated", answer, name, n>>20)
			}
		}
	}
}

func TestAnswersPassUnchanged(t *testing.T) {
	answers := "+OK\r\n-ERR " + strings.Repeat("long ", 200) + "\r\n:-5\r\n$-1\r\n$0\r\n\r\n$8\r\n$9\r\n*9\r\n\r\n*-1\r\n*0\r\n" +
		"*3\r\n*2\r\n$1\r\na\r\n*0\r\n*1\r\n*1\r\n:1\r\n$-1\r\n+end\r\n"
	for name, reader := range map[string]io.Reader{
		"at once": strings.NewReader(answers), "byte by byte": iotest.OneByteReader(strings.NewReader(answers)),
	} {
		g := &guard{Conn: fake{r: reader}}
		got, err := io.ReadAll(g)
		if err != nil || string(got) != answers || g.bulk != 0 || len(g.pending) != 0 || len(g.head) != 0 {
			t.Errorf("%s: %q, %v, %+v", name, got, err, g)
		}
	}
}

// FuzzGuard checks that no bytes make redigo panic or allocate far more than their number,
// and that the guard passes bytes on unchanged.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{
		"+OK\r\n", "$3\r\nabc\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "$-1\r\n", "*-1\r\n", "$9223372036854775807\r\n", "*999999\r\n", "*1\r\n*1\r\n*1\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n", "$2\r\nabcd\r\n", "%1\r\n", "$-5\r\n", "*+1\r\n:1\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rc := redis.NewConn(&guard{Conn: fake{r: bytes.NewReader(raw)}}, 0, 0)
		for rc.Err() == nil {
			_, _ = rc.Receive() // in the end it meets EOF, at the latest
		}
		g := &guard{Conn: fake{r: bytes.NewReader(raw)}}
		if got, err := io.ReadAll(g); err == nil && !bytes.Equal(got, raw) || err != nil && !errors.Is(err, ErrProtocol) {
			t.Fatalf("%q became %q, %v", raw, got, err)
		}
	})
}

// speak listens, and sends the answers to each client before it reads anything.
func speak(t *testing.T, answers ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, strings.Join(answers, ""))
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// Another server on the port of Redis or of a sentinel leads to an error, not to a crash.
func TestOthersOnThePort(t *testing.T) {
	t.Parallel()
	try := func(name, answer string, o Options) {
		o.CommandTimeout = 500 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		conn, err := NewClient(o).Dial(ctx, nil)
		cancel()
		if err == nil {
			_, err = conn.Do("INFO", "server")
			err = errors.Join(err, conn.Close())
		}
		if err == nil || len(fmt.Sprint(err)) > 1000 {
			t.Errorf("%s answers %q: %v", name, answer, err)
		}
	}
	var all sync.WaitGroup // most of them wait until the time-out
	for _, answer := range []string{
		"$9223372036854775807\r\n", "*9223372036854775807\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\x00\x00\x00\r\n",
		"*2\r\n$1\r\n\n\r\n$3\r\n-1\n\r\n", "*2\r\n*0\r\n*0\r\n", "*1\r\n$1\r\na\r\n", "*-1\r\n", ":5\r\n", "*2\r\n$9\r\n127.0.0.1\r\n$1\r\nx\r\n",
	} {
		address := speak(t, answer)
		all.Go(func() { try("redis", answer, Options{Network: "tcp", Address: address}) })
		all.Go(func() {
			try("sentinel", answer, Options{Network: "tcp", Sentinel: Sentinel{Addresses: []string{address}, Master: "m"}})
		})
	}
	all.Wait()
}
