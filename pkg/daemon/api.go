package daemon

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/nevsnode/gordon/v2/pkg/control"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// controlServer is the control socket.
type controlServer interface {
	// Run serves the socket until ctx ends.
	Run(ctx context.Context) error
	// Renew makes the socket again if its file is gone.
	Renew() error
	// Close is for a socket that was never served.
	Close() error
}

// noServer takes the place of the control socket if the service manager has made no
// runtime directory for it. Gordon 1.6.5 had no such socket.
type noServer struct{}

func (noServer) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (noServer) Renew() error { return nil }

func (noServer) Close() error { return nil }

func (d *daemon) listenControl() (controlServer, error) {
	path := control.SocketPath(os.Getenv("RUNTIME_DIRECTORY"))
	if path == "" {
		return noServer{}, nil
	}
	return control.Listen(path, control.Actions{Reload: d.requestReload, Check: d.check, Status: d.counters, Code: d.httpStatus}, d.log)
}

// errGone is the reason to drop a reload whose caller has gone: systemd has reported
// that the reload failed, or a person has pressed Ctrl-C.
var errGone = errors.New("whoever asked for it is gone")

// requestReload passes a reload to the loop of signals, which carries out one at a
// time, and returns its result.
func (d *daemon) requestReload(ctx context.Context) error {
	wanted, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(errGone) })()
	r := reloadRequest{ctx: wanted, answer: make(chan error, 1)}
	select {
	case d.reloads <- r:
		return <-r.answer
	case <-ctx.Done():
		return ctx.Err()
	}
}

// httpStatus returns the HTTP status of a refused reload, which stands for the exit
// status of gordon reload.
func (d *daemon) httpStatus(err error) int {
	if errors.Is(err, taskqueue.ErrStopping) {
		return http.StatusGone
	}
	switch d.options.ExitCode(err) {
	case 67, 78:
		return http.StatusUnprocessableEntity
	case 69:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
