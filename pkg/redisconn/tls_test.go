package redisconn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// authority signs certificates; its own is in the file ca.pem.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "an authority of a test"},
	})
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// sign writes NAME.pem and NAME.key.
func (a *authority) sign(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secretDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der},
		name + ".key": {Type: "PRIVATE KEY", Bytes: secretDER},
	} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key
}

// tlsServer starts a redis-server with the name redis.test and the address 127.0.0.1, and
// returns its address. authClients is the value of tls-auth-clients.
func (a *authority) tlsServer(authClients string) string {
	a.t.Helper()
	a.sign("server", &x509.Certificate{DNSNames: []string{"redis.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	port := redistest.FreePorts(a.t, 1)[0]
	redistest.New(a.t, "--tls-port", port, "--bind", "127.0.0.1", "--tls-auth-clients", authClients,
		"--tls-ca-cert-file", a.file("ca.pem"), "--tls-cert-file", a.file("server.pem"), "--tls-key-file", a.file("server.key"))
	return net.JoinHostPort("127.0.0.1", port)
}

func TestTLSChecksTheServer(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	address := ours.tlsServer("no")
	for name, c := range map[string]struct {
		tls TLS
		ok  bool
		as  any // the type of the error
	}{
		"address":         {tls: TLS{CAFile: ours.file("ca.pem")}, ok: true},
		"name":            {tls: TLS{CAFile: ours.file("ca.pem"), ServerName: "redis.test"}, ok: true},
		"another name":    {tls: TLS{CAFile: ours.file("ca.pem"), ServerName: "another.test"}, as: new(x509.HostnameError)},
		"another CA":      {tls: TLS{CAFile: others.file("ca.pem")}, as: new(x509.UnknownAuthorityError)},
		"CAs of system":   {tls: TLS{}, as: new(x509.UnknownAuthorityError)},
		"spare client's":  {tls: TLS{CAFile: ours.file("ca.pem"), CertFile: ours.file("server.pem"), KeyFile: ours.file("server.key")}, ok: true},
		"no such CA file": {tls: TLS{CAFile: ours.file("none.pem")}, as: new(*os.PathError)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, Options{Network: "tcp", Address: address, TLS: &c.tls})
			switch {
			case c.ok && err != nil:
				t.Errorf("got %v", err)
			case !c.ok && !errors.As(err, c.as):
				t.Errorf("got %v, want a %T", err, c.as)
			case !c.ok && !strings.Contains(err.Error(), address):
				t.Errorf("the error does not name the server: %v", err)
			}
		})
	}
}

func TestTLSShowsACertificate(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	address := ours.tlsServer("yes")
	ours.sign("gordon", &x509.Certificate{Subject: pkix.Name{CommonName: "gordon"}})
	others.sign("gordon", &x509.Certificate{Subject: pkix.Name{CommonName: "gordon"}})
	with := func(a *authority) *TLS {
		return &TLS{CAFile: ours.file("ca.pem"), CertFile: a.file("gordon.pem"), KeyFile: a.file("gordon.key")}
	}
	if _, err := ask(t, Options{Network: "tcp", Address: address, TLS: with(ours)}); err != nil {
		t.Errorf("with a certificate of the right authority: %v", err)
	}
	if _, err := ask(t, Options{Network: "tcp", Address: address, TLS: with(others)}); err == nil {
		t.Error("a certificate of another authority was accepted")
	}
	if _, err := ask(t, Options{Network: "tcp", Address: address, TLS: &TLS{CAFile: ours.file("ca.pem")}}); err == nil {
		t.Error("no certificate was accepted")
	}
}

// A client without TLS at a server with TLS, and the other way round, fail instead of
// hanging.
func TestTLSOnOneSide(t *testing.T) {
	a := newAuthority(t)
	address := a.tlsServer("no")
	if _, err := ask(t, Options{Network: "tcp", Address: address}); err == nil || Refused(err) {
		t.Errorf("in the clear: %v", err)
	}
	// Redis waits for the rest of a command.
	if _, err := ask(t, Options{Address: server.Socket, TLS: &TLS{CAFile: a.file("ca.pem"), ServerName: "redis.test"}, DialTimeout: 200 * time.Millisecond}); err == nil || Refused(err) {
		t.Errorf("with TLS to a server in the clear: %v", err)
	}
}

func TestFilesForTLSThatAreNone(t *testing.T) {
	a := newAuthority(t)
	if err := os.WriteFile(a.file("text"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]TLS{
		"authorities":           {CAFile: a.file("text")},
		"certificate":           {CertFile: a.file("text"), KeyFile: a.file("ca.key")},
		"key":                   {CertFile: a.file("ca.pem"), KeyFile: a.file("text")},
		"certificate not there": {CertFile: a.file("none"), KeyFile: a.file("ca.key")},
	} {
		if _, err := ask(t, Options{Address: server.Socket, TLS: &bad}); err == nil || !strings.Contains(err.Error(), "tls") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
