package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nevsnode/gordon/v2/pkg/control"
)

// runner is something that runs beside the pool.
type runner interface {
	Run(ctx context.Context) error
	Close() error
}

// listen makes the control socket, where the service manager has made a runtime
// directory for it. Without one there is none, as with 1.6.5.
func (d *daemon) listen() (runner, error) {
	path := control.SocketPath(os.Getenv("RUNTIME_DIRECTORY"))
	if path == "" {
		return nothing{}, nil
	}
	return control.Listen(path, control.Actions{Reload: d.requestReload, Status: d.counters, Code: httpStatus}, d.log)
}

// nothing runs until it is told to stop.
type nothing struct{}

func (nothing) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (nothing) Close() error { return nil }

// requestReload has the loop of signals reload, one at a time, and returns how
// it went.
func (d *daemon) requestReload(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case d.reloads <- answer:
		return <-answer
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The HTTP status of a refused reload stands for the exit code of gordon reload.
func httpStatus(err error) int {
	switch exitCode(err) {
	case exitConfig:
		return http.StatusUnprocessableEntity
	case exitRedis:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

func codeOfStatus(status int) int {
	switch status {
	case http.StatusUnprocessableEntity:
		return exitConfig
	case http.StatusServiceUnavailable:
		return exitRedis
	default:
		return exitFailure
	}
}

func (a *app) reloadCommand() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "reload [--socket PATH]",
		Short: "Have the running daemon reload its configuration, and wait for it",
		Long: `Reload asks the running daemon to reload its configuration and returns when the
new one counts. When it is refused, every reason is printed, the exit code says
of what kind it is, and the old configuration goes on.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return reloadVia(cmd.Context(), socket) },
	}
	cmd.Flags().StringVar(&socket, "socket", defaultSocket(), "the daemon's control socket `PATH`")
	return cmd
}

// defaultSocket is that of the own unit, for ExecReload=, or the packaged one.
func defaultSocket() string {
	if path := control.SocketPath(os.Getenv("RUNTIME_DIRECTORY")); path != "" {
		return path
	}
	return control.DefaultSocket
}

func reloadVia(ctx context.Context, socket string) error {
	err := control.Reload(ctx, socket)
	var refused *control.Refused
	switch {
	case errors.As(err, &refused):
		return &exitError{code: codeOfStatus(refused.Status), err: err}
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (is gordon running, with a RuntimeDirectory=?)", err)
	default:
		return err
	}
}
