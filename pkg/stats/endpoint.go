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

// endpoint is one address that is listened on. It is also the net.Listener of
// its http.Server, so that TLS can be turned on, off, or to another certificate
// without closing the address.
type endpoint struct {
	name     string // as configured
	listener *netlimit.Listener
	server   *http.Server
	manners  atomic.Pointer[manners]
}

// manners is what can change while an endpoint stays.
type manners struct {
	handler http.Handler
	tls     *tls.Config // nil: plain HTTP
}

func newManners(o Options, c *Counters) (*manners, error) {
	handler, err := newHandler(o.Pattern, c)
	if err != nil {
		return nil, err
	}
	m := &manners{handler: handler}
	if o.TLSCertFile == "" && o.TLSKeyFile == "" {
		return m, nil
	}
	cert, err := files.KeyPair(o.TLSCertFile, o.TLSKeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate of the stats interface: %w", err)
	}
	m.tls = &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	return m, nil
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
				// Idle connections must not keep others out.
				w.Header().Set("Connection", "close")
			}
			e.manners.Load().handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Port scanners and broken handshakes are no news.
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
	if config := e.manners.Load().tls; config != nil {
		return tls.Server(conn, config), nil
	}
	return conn, nil
}

// Close implements net.Listener.
func (e *endpoint) Close() error { return e.listener.Close() }

// Addr implements net.Listener.
func (e *endpoint) Addr() net.Addr { return e.listener.Addr() }

// shutdown stops listening at once, lets the requests that are being answered
// end for a moment, and cuts what is left. It may be called more than once.
func (e *endpoint) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if e.server.Shutdown(ctx) != nil {
		_ = e.server.Close()
	}
	// The server does not know a listener that it has not served yet. Closing
	// it before Shutdown would look to Serve like a fault.
	_ = e.listener.Close()
}
