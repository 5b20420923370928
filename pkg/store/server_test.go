package store

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// Each command that this package and redisconn call, in scripts too, is tried at the
// start, except MEMORY, which Gordon can do without, and those of a sentinel.
func TestEveryCommandIsTried(t *testing.T) {
	called := regexp.MustCompile(`(?:\bDo|Send|call)\((?:\n\t+)?"([A-Z]+)"|block, "([A-Z]+)"|Name: "([A-Z]+)"|redis\.p?call\('([A-Z]+)'`)
	own, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	connection, err := filepath.Glob("../redisconn/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range append(own, connection...) {
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
	for _, c := range probes() {
		tried = append(tried, c.Name)
	}
	slices.Sort(tried)
	if diff := cmp.Diff(slices.Compact(names), tried); diff != "" {
		t.Errorf("-called +tried\n%s", diff)
	}
}

// A hardened Redis has some of them under another name, or not at all.
func TestServerWithoutACommand(t *testing.T) {
	for _, c := range probes() {
		if c.Name == "PING" {
			continue // the test needs it to see that the server is up
		}
		s, err := redistest.Start("--rename-command", c.Name, "")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := NewClient(Options{Network: "unix", Address: s.Socket, Instance: "test"}).Dial(t.Context())
		if err == nil {
			_, err = conn.Server()
			err = errors.Join(err, conn.Close())
		}
		want := errors.Is(err, ErrMissing) && strings.HasSuffix(err.Error(), ": "+c.Name)
		if c.Name == "CLIENT" { // each connection begins with it
			want = err != nil && strings.Contains(err.Error(), "unknown command 'CLIENT'")
		}
		if !want {
			t.Errorf("without %s: got %v", c.Name, err)
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
	if _, err := conn.conn.Do("SET", "k", "v"); err != nil { // neither in MULTI nor subscribed
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
