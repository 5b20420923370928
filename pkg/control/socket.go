package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/netlimit"
)

// SocketName is the name of the socket in the runtime directory.
const SocketName = "control.sock"

// DefaultSocket is the socket of a packaged gordon.
const DefaultSocket = "/run/gordon/" + SocketName

const (
	// socketMode admits the daemon's user and group, and root.
	socketMode = 0o660
	// maxConnections is how many are served at once. Further ones wait.
	maxConnections = 64
)

// ErrInUse is returned when a running daemon has the socket.
var ErrInUse = errors.New("another gordon is listening on this control socket")

// SocketPath returns the path of the socket for a daemon with this runtime directory
// ($RUNTIME_DIRECTORY, see RuntimeDirectory= in systemd.exec(5)). The socket is in the
// first of the directories. The path is "" if there is none.
func SocketPath(runtimeDirectory string) string {
	dir, _, _ := strings.Cut(runtimeDirectory, ":")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, SocketName)
}

// socket is a listener with the file that it made.
type socket struct {
	net.Listener
	file os.FileInfo
}

func listen(path string) (*socket, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // the file may belong to another process by then; see Close
	// Until here the mode is 0777 less the umask. Others get EACCES from connect(2) with
	// every umask that denies them writing, 022 included.
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

// removeStale removes a socket on which no process answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return errors.New("the path exists and is not a socket")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(ErrInUse, conn.Close())
	}
	return os.Remove(path)
}
