package store

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// Login is how a connection proves who it is (AUTH).
type Login struct {
	// Username is an ACL user; "" is the default one.
	Username string
	// PasswordFile is a path, or "credential:NAME" for a systemd credential
	// (systemd.exec(5), Credentials); "" logs in without a password.
	PasswordFile string
}

// credentialPrefix marks a PasswordFile that systemd hands over.
const credentialPrefix = "credential:"

// maxPassword bounds a password file, in bytes: a path that names something
// else by mistake should not be sent to Redis.
const maxPassword = 4 << 10

// Errors of a password file. None of them holds any of its content.
var (
	ErrNoCredential  = errors.New("no such credential: the unit has to hand it over with LoadCredential= (see systemd.exec(5))")
	ErrWorldReadable = errors.New("every user can read it: give it mode 0640 or 0600")
	ErrNoPassword    = errors.New("it holds no password, or more than one line")
)

// password reads the password; "" when there is none to send.
func (l Login) password() (string, error) {
	if l.PasswordFile == "" {
		return "", nil
	}
	path := l.PasswordFile
	if name, ok := strings.CutPrefix(path, credentialPrefix); ok {
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

// Check says why the password cannot be had now.
func (l Login) Check() error {
	_, err := l.password()
	return err
}

// Check says why no connection can be encrypted now.
func (t TLS) Check() error {
	_, err := t.config()
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

// TLS says how a connection is encrypted. Files are PEM.
type TLS struct {
	// CAFile holds the authorities to trust; "" trusts those of the system.
	CAFile string
	// CertFile and KeyFile are the client's own, both or neither.
	CertFile, KeyFile string
	// ServerName is checked against the server's certificate; "" means the host
	// that is connected to.
	ServerName string
}

func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := files.Read(t.CAFile, files.MaxPEM)
		if err != nil {
			return nil, fmt.Errorf("authorities for tls: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("authorities for tls: %s holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := files.KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate for tls: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}
