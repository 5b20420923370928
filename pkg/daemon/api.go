package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/control"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// The routes of the control API that the commands of gordon use. All are POST without
// a body.
const (
	// RouteReload reloads the configuration and answers when the new one is in use.
	RouteReload = "/reload"
	// RouteCheck checks the configuration as RouteReload would, and changes nothing. The
	// answer has one notice per line. The parameter "config" is the path of the file
	// that the caller means. The status is 409 if the daemon has another configuration.
	RouteCheck = "/check"
)

// api is the handler of the control API.
type api struct {
	reload func(context.Context) error
	check  func(ctx context.Context, config string) (notices []string, err error)
	// status answers every GET, as the stats interface does.
	status   http.Handler
	exitCode func(error) int
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+RouteReload, a.action(func(r *http.Request) (string, error) {
		return "reloaded", a.reload(r.Context())
	}))
	mux.Handle("POST "+RouteCheck, a.action(func(r *http.Request) (string, error) {
		notices, err := a.check(r.Context(), r.URL.Query().Get("config"))
		return strings.Join(notices, "\n"), err
	}))
	mux.Handle("GET /", a.status)
	return mux
}

// action returns a handler that calls f and answers with its text or its error.
func (a *api) action(f func(*http.Request) (answer string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			control.WriteError(w, r, &control.Error{Status: http.StatusRequestEntityTooLarge, ExitCode: 1, Message: "the request must not have a body"})
			return
		}
		answer, err := f(r)
		if err != nil {
			control.WriteError(w, r, &control.Error{Status: httpStatus(err), ExitCode: a.exitCode(err), Message: err.Error()})
			return
		}
		fmt.Fprintln(w, answer)
	})
}

// errOtherConfig is returned if the caller of a check means another configuration.
var errOtherConfig = errors.New("the daemon runs with another configuration file")

// httpStatus returns the status for an error of the API. Commands of an older gordon
// take their exit status from it: 422 gives 78, and 503 gives 69.
func httpStatus(err error) int {
	var faults config.Faults
	switch {
	case errors.Is(err, taskqueue.ErrStopping):
		return http.StatusGone
	case errors.Is(err, errOtherConfig):
		return http.StatusConflict
	case errors.As(err, &faults), errors.Is(err, ErrConfig):
		return http.StatusUnprocessableEntity
	case errors.Is(err, taskqueue.ErrRedis):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

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
	a := &api{reload: d.requestReload, check: d.check, status: d.counters, exitCode: d.options.ExitCode}
	return control.Listen(path, a.handler(), d.log)
}

// errGone is the reason to drop a reload whose caller has gone: systemd has reported
// that the reload failed, or a person has pressed Ctrl-C.
var errGone = errors.New("the client disconnected before the reload finished")

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
