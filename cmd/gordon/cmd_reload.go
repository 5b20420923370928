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
	"github.com/nevsnode/gordon/v2/pkg/daemon"
)

func (a *app) reloadCommand() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "reload [--socket PATH]",
		Short: "Reload the configuration of the running daemon and wait for the result",
		Long: `Reload asks the running daemon to reload its configuration, and returns when the new
one is in use. If the daemon refuses, reload prints every reason and exits with the
status for that kind of fault. The old configuration stays in use then.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return reloadVia(cmd.Context(), socket) },
	}
	cmd.Flags().StringVar(&socket, "socket", defaultSocket(), "the daemon's control socket `PATH`")
	return cmd
}

// defaultSocket returns the socket of the own unit, for ExecReload=, or the packaged one.
func defaultSocket() string {
	if path := control.SocketPath(os.Getenv("RUNTIME_DIRECTORY")); path != "" {
		return path
	}
	return control.DefaultSocket
}

// stopTimeout is how long a reload that the daemon has cut short, because it stops,
// waits to be stopped as well.
const stopTimeout = time.Second

// reloadVia asks for a reload. When systemd stops a unit during a reload, it sends
// SIGTERM to this process too. That is a success: otherwise the unit would be failed.
func reloadVia(ctx context.Context, socket string) error {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	defer signal.Stop(terms)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	client := control.Client{Socket: socket, PID: mainPID()}
	go func() {
		_, err := client.Post(ctx, daemon.RouteReload)
		done <- err
	}()
	select {
	case err := <-done:
		var refused *control.Error
		if errors.As(err, &refused) && refused.Status == http.StatusGone && client.PID != 0 {
			select {
			case <-terms:
				return nil
			case <-time.After(stopTimeout):
			}
		}
		return explain(err)
	case <-terms:
		// The connection ends with this process, and the daemon drops the reload.
		if client.PID != 0 {
			return nil
		}
		return errors.New("received SIGTERM while waiting for the reload")
	}
}

// mainPID returns the pid of the daemon, if this process is part of a reload by systemd
// ($MAINPID, systemd.exec(5)), else 0.
func mainPID() int {
	pid, err := strconv.Atoi(os.Getenv("MAINPID"))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// explain adds a hint to the error if no daemon listens on the socket.
func explain(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w (is gordon running? Does its unit have RuntimeDirectory=?)", err)
	}
	return err
}
