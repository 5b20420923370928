package stats

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/netlimit"
)

// endpoint is one address that the server listens on. It is also the net.Listener of
// its http.Server, so that a reload can turn TLS on or off, or change the certificate,
// without closing the address.
type endpoint struct {
	name     string // as configured
	listener *netlimit.Listener
	server   *http.Server
	serving  atomic.Pointer[serving]
}

// serving is the part of an endpoint that a reload can replace.
type serving struct {
	handler http.Handler
	tls     *tls.Config // nil: plain HTTP
}

func newServing(o Options, c *Counters) (*serving, error) {
	handler, err := newHandler(o.Pattern, c)
	if err != nil {
		return nil, err
	}
	s := &serving{handler: handler}
	if o.TLSCertFile == "" && o.TLSKeyFile == "" {
		return s, nil
	}
	cert, err := files.KeyPair(o.TLSCertFile, o.TLSKeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate of the stats interface: %w", err)
	}
	s.tls = &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	return s, nil
}

// listen binds the address. Connections wait in the kernel's backlog until the
// endpoint is served.
func listen(address string, log *slog.Logger) (*endpoint, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	e := &endpoint{name: address, listener: netlimit.New(l, maxConnections)}
	e.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if e.listener.Crowded() {
				// Idle connections must not block other clients.
				w.Header().Set("Connection", "close")
			}
			e.serving.Load().handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Port scanners and broken handshakes are not worth more than a debug message.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return e, nil
}

// Accept implements net.Listener.
func (e *endpoint) Accept() (net.Conn, error) {
	conn, err := e.listener.Accept()
	if err != nil {
		return nil, err
	}
	if config := e.serving.Load().tls; config != nil {
		return tls.Server(conn, config), nil
	}
	return conn, nil
}

// Close implements net.Listener.
func (e *endpoint) Close() error { return e.listener.Close() }

// Addr implements net.Listener.
func (e *endpoint) Addr() net.Addr { return e.listener.Addr() }

// shutdown stops listening at once, waits up to closeTimeout for the requests in
// progress, and then closes their connections. It may be called more than once.
func (e *endpoint) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if e.server.Shutdown(ctx) != nil {
		_ = e.server.Close()
	}
	// The HTTP server does not know a listener that it has not served yet. Closing it
	// before Shutdown would be an error for Serve.
	_ = e.listener.Close()
}
