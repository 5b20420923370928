package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// requestTimeout bounds how long a client may take to send a request, and then to
	// read the answer. The handler may take any time between the two.
	requestTimeout = 2 * time.Second
	maxHeaderBytes = 16 << 10
)

// Server serves the control socket.
type Server struct {
	path string
	http *http.Server

	serving sync.WaitGroup
	mu      sync.Mutex // guards the fields below
	socket  *socket
	running bool
	closed  bool
}

// Listen makes the socket at path. It replaces a socket that a dead daemon left behind.
func Listen(path string, handler http.Handler, log *slog.Logger) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	return &Server{path: path, socket: l, http: &http.Server{
		Handler: bounded(handler), ReadHeaderTimeout: requestTimeout, IdleTimeout: requestTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// Renew makes the socket again if its file is gone: another unit with the same runtime
// directory was stopped, or a cleaner removed it. Otherwise it does nothing.
func (s *Server) Renew() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.socket.ours(s.path) {
		return nil
	}
	// Only root can make a folder in /run; systemd does at the next start.
	if err := os.Mkdir(filepath.Dir(s.path), 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	next, err := listen(s.path)
	if err != nil {
		return err
	}
	old := s.socket
	s.socket = next
	if s.running {
		s.serve(next)
	}
	return old.Close()
}

// Run serves until ctx ends, and removes the socket.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running = true
	s.serve(s.socket)
	s.mu.Unlock()
	<-ctx.Done()
	err := s.Close()
	s.serving.Wait()
	return err
}

// serve serves one socket until it is closed. The caller holds mu.
func (s *Server) serve(l *socket) {
	s.serving.Go(func() {
		err := s.http.Serve(l)
		if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.http.ErrorLog.Printf("control socket: %v", err)
		}
	})
}

// Close closes the socket and all connections, and removes its file.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var gone error
	if s.socket.ours(s.path) {
		gone = os.Remove(s.path)
	}
	// The HTTP server does not know a socket that it has not served, and may still know
	// one that Renew has closed.
	return errors.Join(unlessClosed(s.http.Close()), unlessClosed(s.socket.Close()), gone)
}

// unlessClosed returns nil for the error of closing something twice.
func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// bounded limits how long a client may take to send its request and to read the answer.
func bounded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limitWrite(w)
		if r.ContentLength != 0 {
			// The server reads a body that the handler leaves, to keep the connection.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout))
		}
		handler.ServeHTTP(&answer{ResponseWriter: w}, r)
	})
}

// answer gives the client requestTimeout from the moment in which the answer begins,
// however long the handler took before.
type answer struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.begin()
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(b)
}

func (a *answer) begin() {
	if !a.begun {
		a.begun = true
		limitWrite(a.ResponseWriter)
	}
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// limitWrite gives the client requestTimeout from now to read the answer.
func limitWrite(w http.ResponseWriter) {
	// It fails only if w is not a connection.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestTimeout))
}
