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
	"sync"
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
	// Check judges the configuration as Reload would, and changes nothing. It returns
	// [ErrNotAsked] if the daemon's configuration is not the named file.
	Check func(ctx context.Context, config string) (notices []string, err error)
	// Status answers everything else, as the stats interface does.
	Status http.Handler
	// Code maps an error of Reload to the HTTP status of the answer.
	Code func(error) int
}

// Server serves the control socket.
type Server struct {
	path string
	http *http.Server

	serving sync.WaitGroup
	mu      sync.Mutex // guards what follows
	socket  *socket
	running bool
	closed  bool
}

// socket is a listener with the file that it made.
type socket struct {
	net.Listener
	file os.FileInfo
}

// Listen makes the socket. A socket that a dead daemon left behind is replaced.
func Listen(path string, a Actions, log *slog.Logger) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	return &Server{path: path, socket: l, http: &http.Server{
		Handler: a.handler(), ReadHeaderTimeout: requestTimeout, IdleTimeout: requestTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

func listen(path string) (*socket, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // it may be another's by then; see Close
	// Until here the mode is 0777 less the umask, which connect(2) of others
	// meets with EACCES for any umask that denies them writing, 022 included.
	err = os.Chmod(path, socketMode)
	file, gone := os.Lstat(path)
	if err = errors.Join(err, gone); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return &socket{netlimit.New(l, maxConnections), file}, nil
}

// ours reports whether path is the file of the socket.
func (s *socket) ours(path string) bool {
	file, err := os.Lstat(path)
	return err == nil && os.SameFile(file, s.file)
}

// Renew makes the socket again if its file is gone: another unit with the same runtime
// directory was stopped, or somebody has cleaned up. It does nothing if it is there.
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
	// The server does not know a socket that it has not served, and may still know one
	// that Renew has closed.
	return errors.Join(unlessClosed(s.http.Close()), unlessClosed(s.socket.Close()), gone)
}

// unlessClosed drops the error of closing what is closed.
func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

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
	mux.HandleFunc("POST /check", func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			http.Error(w, "a check has no body", http.StatusRequestEntityTooLarge)
			return
		}
		notices, err := a.Check(r.Context(), r.URL.Query().Get("config"))
		hasten(w)
		switch {
		case errors.Is(err, ErrNotAsked):
			http.Error(w, err.Error(), http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), a.Code(err))
		default:
			fmt.Fprintln(w, strings.Join(notices, "\n"))
		}
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
