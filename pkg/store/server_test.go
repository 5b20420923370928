package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// Each command that this package calls, in its scripts too, is tried at the start, but
// for MEMORY, which is done without, and those of a sentinel.
func TestEveryCommandIsTried(t *testing.T) {
	called := regexp.MustCompile(`(?:\b[dD]o|Send)\("([A-Z]+)"|\{(?:name: )"([A-Z]+)"|\{"([A-Z]+)", (?:\[\]any|nil)|redis\.p?call\('([A-Z]+)'`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range called.FindAllStringSubmatch(string(source), -1) {
			names = append(names, strings.Join(m[1:], ""))
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "SENTINEL" || name == "MEMORY" })
	slices.Sort(names)
	var tried []string
	for _, c := range needed() {
		tried = append(tried, c.name)
	}
	slices.Sort(tried)
	if diff := cmp.Diff(slices.Compact(names), tried); diff != "" {
		t.Errorf("-called +tried\n%s", diff)
	}
}

// A hardened Redis has some of them under another name, or not at all.
func TestServerWithoutACommand(t *testing.T) {
	for _, c := range needed() {
		if c.name == "PING" {
			continue // by which the test sees that the server is up
		}
		s, err := redistest.Start("--rename-command", c.name, "")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := NewClient(Options{Network: "unix", Address: s.Socket, Instance: "test"}).Dial(t.Context())
		if err == nil {
			_, err = conn.Server()
			err = errors.Join(err, conn.Close())
		}
		want := errors.Is(err, ErrMissing) && strings.HasSuffix(err.Error(), ": "+c.name)
		if c.name == "CLIENT" { // each connection begins with it
			want = err != nil && strings.Contains(err.Error(), "unknown command 'CLIENT'")
		}
		if !want {
			t.Errorf("without %s: got %v", c.name, err)
		}
		s.Close()
	}
}

func TestServerHasNothingDone(t *testing.T) {
	s := redistest.New(t)
	conn, err := NewClient(Options{Network: "unix", Address: s.Socket, Instance: "test"}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server, err := conn.Server()
	if err != nil || server.Cluster || server.Clients < 1 || server.MaxClients < 1000 {
		t.Errorf("got %+v, %v", server, err)
	}
	if keys := s.Keys(t, "*"); len(keys) > 0 {
		t.Errorf("it made %q", keys)
	}
	if _, err := conn.do("SET", "k", "v"); err != nil { // neither in MULTI nor subscribed
		t.Error(err)
	}
}

func TestHashTag(t *testing.T) {
	for prefix, want := range map[string]bool{
		"taskqueue": false, "{taskqueue}": true, "a{b}c": true, "{}a": false, "{a": false, "a}b{": false, "{}{a}": false, "{{a}}": true,
	} {
		if got := (Keys{Prefix: prefix}).HashTag(); got != want {
			t.Errorf("%q: got %v", prefix, got)
		}
	}
}

// Whoever reads an error is no reader of the library.
func TestErrorsAreInWords(t *testing.T) {
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
		"SSH":          {"tcp", speak(t, "SSH-2.0-OpenSSH_9.2\r\n"), nil, `this is not what redis answers: it begins with "SSH-2.0-OpenSSH_9.2`},
		"line endings": {"tcp", speak(t, "+OK\n+OK\n"), nil, "this is not what redis answers: a line without its end"},
		"end":          {"tcp", closeAfterRequest(t), nil, "the server has closed the connection"},
		"plain, not TLS": {"unix", plain.Socket, func(o *Options) {
			o.TLS, o.DialTimeout = &TLS{ServerName: "x"}, 50*time.Millisecond
		}, "the server does not answer to TLS"},
		"HTTP, not TLS": {"tcp", speak(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), func(o *Options) {
			o.TLS = &TLS{ServerName: "x"}
		}, "the server does not speak TLS"},
		"password":   {"unix", locked.Socket, nil, "NOAUTH Authentication required. (set password_file in [redis]"},
		"maxclients": {"unix", full.Socket, nil, "max number of clients reached (raise maxclients"},
	} {
		o := Options{Network: c.network, Address: c.address, Instance: "test", CommandTimeout: 5 * time.Second}
		if c.change != nil {
			c.change(&o)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		conn, err := NewClient(o).Dial(ctx)
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

// A server without a place for one of the links is left alone for a while, so that
// producers find one; the lease does not wait.
func TestACrowdedServerIsLeftAlone(t *testing.T) {
	s := redistest.New(t)
	c := NewClient(Options{Network: "unix", Address: s.Socket, Instance: "test"})
	nothing := func(*Conn) error { return nil }
	first := c.Link()
	defer first.Close()
	if err := first.Use(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	admin := s.Conn(t)
	allow := func(n int) {
		t.Helper()
		if _, err := admin.Do("CONFIG", "SET", "maxclients", n); err != nil {
			t.Fatal(err)
		}
	}
	allow(1)
	refused := &ReplyError{Code: "ERR"}
	link := c.Link()
	for !errors.Is(link.Use(t.Context(), nothing), refused) {
		continue // a refusal may come as a broken pipe
	}
	allow(100)
	if err := link.Use(t.Context(), nothing); !errors.Is(err, refused) {
		t.Errorf("it has asked again: %v", err)
	}
	vital := c.Link().Vital()
	defer vital.Close()
	if err := errors.Join(vital.Use(t.Context(), nothing), first.Use(t.Context(), nothing)); err != nil {
		t.Error(err)
	}
	c.crowd.until = time.Now()
	defer link.Close()
	if err := link.Use(t.Context(), nothing); err != nil {
		t.Errorf("after the rest: %v", err)
	}
}
