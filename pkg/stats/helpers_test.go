package stats

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockedBuffer is a log for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a server with o until stop is called or the test ends. It fails the test if
// an error was logged.
func start(t *testing.T, o Options) (s *Server, stop func()) {
	t.Helper()
	var said lockedBuffer
	c, _ := newTestCounters("T")
	s = NewServer(c, slog.New(slog.NewTextHandler(&said, nil)))
	commit(t, s, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if said.String() != "" {
			t.Errorf("logged %s", said.String())
		}
	})
	t.Cleanup(stop)
	return s, stop
}

func commit(t *testing.T, s *Server, o Options) {
	t.Helper()
	c, err := s.Prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	c.Commit()
}

// get sends a request over a new connection and returns status and body.
func get(t *testing.T, url string, config *tls.Config) (status int, body string, err error) {
	t.Helper()
	client := &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true},
	}
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer func() {
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func expectAnswer(t *testing.T, url string, config *tls.Config) {
	t.Helper()
	status, body, err := get(t, url, config)
	if err != nil || status != 200 || body != `{"runtime":0,"task_count":{"T":0},"version":"2.0.0"}` {
		t.Errorf("GET %s: %d %s %v", url, status, body, err)
	}
}

// expectClosed waits until no process listens on address.
func expectClosed(t *testing.T, address string) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		conn, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_ = conn.Close()
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still open", address)
		}
		time.Sleep(time.Millisecond)
	}
}

// certificate writes a new certificate for 127.0.0.1, and returns options with it and a
// pool that trusts it.
func certificate(t *testing.T) (Options, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gordon"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	dir := t.TempDir()
	o := Options{Interface: "127.0.0.1:0", TLSCertFile: filepath.Join(dir, "cert.pem"), TLSKeyFile: filepath.Join(dir, "key.pem")}
	if err := errors.Join(os.WriteFile(o.TLSCertFile, certPEM, 0o600), os.WriteFile(o.TLSKeyFile, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return o, pool
}
