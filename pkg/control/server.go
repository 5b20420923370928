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
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/netlimit"
)

// SocketName is the name of the socket in the runtime directory.
const SocketName = "control.sock"

// DefaultSocket is where a packaged gordon has its socket.
const DefaultSocket = "/run/gordon/" + SocketName

// socketMode lets the daemon's user and group in, and root.
const socketMode = 0o660

const (
	// requestTimeout bounds how long a client may take to send a request, and to
	// take in the answer. A reload between the two may take as long as it likes.
	requestTimeout = 2 * time.Second
	maxHeaderBytes = 16 << 10
	// maxConnections is how many are served at once; further ones wait.
	maxConnections = 64
)

// ErrInUse is returned when a living daemon has the socket.
var ErrInUse = errors.New("another gordon answers on this control socket")

// SocketPath is where the socket of a daemon with this runtime directory
// ($RUNTIME_DIRECTORY, see RuntimeDirectory= in systemd.exec(5)) belongs: in the
// first of the directories, or nowhere ("") when there is none.
func SocketPath(runtimeDirectory string) string {
	dir, _, _ := strings.Cut(runtimeDirectory, ":")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, SocketName)
}

// Actions are what can be asked for.
type Actions struct {
	// Reload reloads the configuration and returns when that is over.
	Reload func(context.Context) error
	// Status answers everything else, as the stats interface does.
	Status http.Handler
	// Code maps an error of Reload to the HTTP status of the answer.
	Code func(error) int
}

// Server serves the control socket.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen makes the socket. A socket that a dead daemon left behind is replaced.
func Listen(path string, a Actions, log *slog.Logger) (*Server, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	// Until here the mode is 0777 less the umask, which connect(2) of others
	// meets with EACCES for any umask that denies them writing, 022 included.
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return &Server{listener: netlimit.New(l, maxConnections), http: &http.Server{
		Handler: a.handler(), ReadHeaderTimeout: requestTimeout, IdleTimeout: requestTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// removeStale removes a socket on which nobody answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return errors.New("the path is taken by something that is no socket")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(ErrInUse, conn.Close())
	}
	return os.Remove(path)
}

// Run serves until ctx ends, and removes the socket.
func (s *Server) Run(ctx context.Context) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- s.http.Close() })
	err := s.http.Serve(s.listener)
	if !stop() {
		return <-stopped
	}
	return fmt.Errorf("control socket: %w", err)
}

// Close closes a server that was never run.
func (s *Server) Close() error { return s.listener.Close() }

func (a Actions) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			http.Error(w, "a reload has no body", http.StatusRequestEntityTooLarge)
			return
		}
		err := a.Reload(r.Context())
		hasten(w)
		if err != nil {
			http.Error(w, err.Error(), a.Code(err))
			return
		}
		fmt.Fprintln(w, "reloaded")
	})
	mux.Handle("GET /", a.Status)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hasten(w)
		if r.ContentLength != 0 {
			// Nothing here reads a body; the server would, to keep the connection.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout))
		}
		mux.ServeHTTP(w, r)
	})
}

// hasten gives the client until requestTimeout from now to take in the answer.
func hasten(w http.ResponseWriter) {
	// It fails only on what is no connection.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestTimeout))
}
