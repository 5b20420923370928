package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nevsnode/gordon/v2/pkg/control"
)

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

// stopPatience is how long a reload that the daemon has cut short, because it is
// stopping, waits to be stopped as well.
const stopPatience = time.Second

// reloadVia asks for a reload. When systemd stops a unit that reloads, it sends SIGTERM
// to this process too, and the unit would be left failed if that were a failure.
func reloadVia(ctx context.Context, socket string) error {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	defer signal.Stop(terms)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- control.Reload(ctx, socket, mainPID()) }()
	select {
	case err := <-answer:
		var refused *control.Refused
		if errors.As(err, &refused) && refused.Status == http.StatusGone && mainPID() != 0 {
			select {
			case <-terms:
				return nil
			case <-time.After(stopPatience):
			}
		}
		return explain(err)
	case <-terms:
		// The connection ends with this process, and the daemon drops the attempt.
		if mainPID() != 0 {
			return nil
		}
		return errors.New("the reload is given up, because of SIGTERM")
	}
}

// mainPID is the pid of the daemon, if this process is part of a reload by systemd
// ($MAINPID, systemd.exec(5)), else 0.
func mainPID() int {
	pid, err := strconv.Atoi(os.Getenv("MAINPID"))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

func explain(err error) error {
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
