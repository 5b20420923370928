package redisconn

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

const secret = "correct horse battery staple"

// passwordFile writes a file with this mode, independent of the umask.
func passwordFile(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasswordFiles(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		mode    fs.FileMode
		want    error // nil: the password is secret
	}{
		"plain":               {secret, 0o600, nil},
		"with a newline":      {secret + "\n", 0o640, nil},
		"of another system":   {secret + "\r\n", 0o400, nil},
		"readable for others": {secret, 0o644, ErrWorldReadable},
		"empty":               {"", 0o600, ErrNoPassword},
		"only a newline":      {"\n", 0o600, ErrNoPassword},
		"two lines":           {secret + "\nuser\n", 0o600, ErrNoPassword},
		"as long as allowed":  {strings.Repeat("x", maxPassword), 0o600, nil},
		"far too long":        {strings.Repeat("x", maxPassword+1), 0o600, ErrNoPassword},
	} {
		t.Run(name, func(t *testing.T) {
			path := passwordFile(t, c.content, c.mode)
			got, err := Login{PasswordFile: path}.password()
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && got != strings.TrimRight(c.content, "\r\n") {
				t.Errorf("got %q", got)
			}
			if err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), secret)) {
				t.Errorf("the error names the file and not its content: %v", err)
			}
		})
	}
}

func TestMissingPasswordFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := Login{PasswordFile: path}.password()
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

// Neither a FIFO without a writer nor a file system that does not answer blocks a caller
// that connects: otherwise the daemon would count as hanging.
func TestFilesThatBlock(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	dead, _ := gordontest.DeadFolder(t)
	for path, want := range map[string]error{fifo: files.ErrNotRegular, filepath.Join(dead, "file"): files.ErrHangs} {
		for name, o := range map[string]Options{
			"password":    {Login: Login{PasswordFile: path}},
			"authorities": {TLS: &TLS{CAFile: path}},
			"certificate": {TLS: &TLS{CertFile: path, KeyFile: path}},
		} {
			o.Network, o.Address, o.DialTimeout = "unix", redistest.New(t).Socket, 20*time.Millisecond
			client := NewClient(o)
			for range 2 * maxReads {
				done := make(chan error, 1)
				go func() {
					_, err := client.Dial(t.Context(), nil)
					done <- err
				}()
				select {
				case err := <-done:
					if !errors.Is(err, want) {
						t.Errorf("%s %s: got %v", name, path, err)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("%s %s: it waits", name, path)
				}
			}
		}
	}
}

func TestCredentials(t *testing.T) {
	path := passwordFile(t, secret+"\n", 0o400)
	login := Login{PasswordFile: "credential:" + filepath.Base(path)}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
	if got, err := login.password(); got != secret || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	login.PasswordFile = "credential:another"
	if _, err := login.password(); !errors.Is(err, ErrNoCredential) || !strings.Contains(err.Error(), "credential:another") {
		t.Errorf("one that was not handed over: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := login.password(); !errors.Is(err, ErrNoCredential) {
		t.Errorf("none were handed over: %v", err)
	}
}

// guarded is a server that asks for a password, and knows the user "worker".
func guarded(t *testing.T) *redistest.Server {
	t.Helper()
	s := redistest.New(t)
	s.Do(t, "ACL", "SETUSER", "worker", "on", ">"+secret+"!", "~q:*", "+@all")
	s.Do(t, "CONFIG", "SET", "requirepass", secret)
	return s
}

// ask connects with these options and asks the server who the user is.
func ask(t *testing.T, o Options) (user string, err error) {
	t.Helper()
	// No test waits for these; to read the authorities of the system may take long.
	o.Instance, o.CommandTimeout, o.DialTimeout = "test", 20*time.Second, cmp.Or(o.DialTimeout, 20*time.Second)
	if o.Network == "" {
		o.Network = "unix"
	}
	l := NewClient(o).Link(false)
	defer l.Close()
	err = l.Use(t.Context(), func(c *Conn) error {
		reply, err := c.Do("ACL", "WHOAMI")
		user = fmt.Sprintf("%s", reply)
		return err
	})
	return user, err
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	right, ofWorker := passwordFile(t, secret, 0o600), passwordFile(t, secret+"!", 0o600)
	for name, c := range map[string]struct {
		login Login
		user  string // "" if the server refuses with code
		code  string
	}{
		"password":        {login: Login{PasswordFile: right}, user: "default"},
		"user":            {login: Login{Username: "worker", PasswordFile: ofWorker}, user: "worker"},
		"wrong password":  {login: Login{PasswordFile: ofWorker}, code: "WRONGPASS"},
		"another's":       {login: Login{Username: "worker", PasswordFile: right}, code: "WRONGPASS"},
		"unknown user":    {login: Login{Username: "nobody", PasswordFile: right}, code: "WRONGPASS"},
		"no password":     {login: Login{}, code: "NOAUTH"},
		"user but no one": {login: Login{Username: "worker"}, code: "NOAUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			user, err := ask(t, Options{Address: s.Socket, Login: c.login})
			if c.code == "" {
				if user != c.user || err != nil {
					t.Errorf("got %q, %v", user, err)
				}
				return
			}
			if !errors.Is(err, &ReplyError{Code: c.code}) {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), s.Socket) {
				t.Errorf("the error names the server and no password: %v", err)
			}
		})
	}
}

// A password that was changed needs no restart: it is read for each connection.
func TestPasswordIsReadAnew(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	path := passwordFile(t, "not yet", 0o600)
	l := NewClient(Options{Network: "unix", Address: s.Socket, Instance: "test", Login: Login{PasswordFile: path}}).Link(false)
	defer l.Close()
	if err := l.Use(t.Context(), nothing); !errors.Is(err, &ReplyError{Code: "WRONGPASS"}) {
		t.Fatalf("got %v", err)
	}
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	use(t, l, nothing)
}

func TestDatabase(t *testing.T) {
	server.Flush(t)
	conn := server.Conn(t)
	for _, db := range []int{0, 3} {
		if _, err := conn.Do("SELECT", db); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Do("RPUSH", "q:T", fmt.Sprintf("of %d", db)); err != nil {
			t.Fatal(err)
		}
	}
	l := NewClient(Options{Network: "unix", Address: server.Socket, Database: 3, Instance: "test"}).Link(false)
	defer l.Close()
	use(t, l, func(c *Conn) error {
		entry, err := redis.String(c.Do("LPOP", "q:T"))
		if entry != "of 3" {
			t.Errorf("took %q", entry)
		}
		return err
	})
	if _, err := ask(t, Options{Address: server.Socket, Database: 16}); !errors.Is(err, &ReplyError{Code: "ERR"}) {
		t.Errorf("a database that there is not: %v", err)
	}
}
