package redisconn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
)

// Login is the user of a connection (AUTH).
type Login struct {
	// Username is an ACL user; "" is the default one.
	Username string
	// PasswordFile is a path, or "credential:NAME" for a systemd credential
	// (systemd.exec(5), Credentials); "" logs in without a password.
	PasswordFile string
}

// maxPassword limits a password file, in bytes: if the path names another file by
// mistake, its content must not be sent to Redis.
const maxPassword = 4 << 10

// Errors of a password file. None of them contains any of its content.
var (
	ErrNoCredential  = errors.New("no such credential: add LoadCredential= to the unit (see systemd.exec(5))")
	ErrWorldReadable = errors.New("it is readable by every user: set mode 0640 or 0600")
	ErrNoPassword    = errors.New("it must contain exactly one line, the password")
)

// password reads the password. It is "" if none is to be sent.
func (l Login) password() (string, error) {
	if l.PasswordFile == "" {
		return "", nil
	}
	path := l.PasswordFile
	if name, ok := strings.CutPrefix(path, config.CredentialPrefix); ok {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fmt.Errorf("password %s: %w", l.PasswordFile, ErrNoCredential)
		}
		path = filepath.Join(dir, name)
	}
	password, err := readSecret(path)
	if errors.Is(err, os.ErrNotExist) && path != l.PasswordFile {
		err = ErrNoCredential
	}
	if err != nil {
		return "", fmt.Errorf("password file %s: %w", l.PasswordFile, err)
	}
	return password, nil
}

// Check reports why the password cannot be read now, nil if it can.
func (l Login) Check() error {
	_, err := l.password()
	return err
}

func readSecret(path string) (string, error) {
	f, err := files.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o004 != 0 {
		return "", ErrWorldReadable
	}
	content, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err != nil {
		return "", err
	}
	content = bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	if len(content) == 0 || len(content) > maxPassword || bytes.ContainsAny(content, "\n\r") {
		return "", ErrNoPassword
	}
	return string(content), nil
}
