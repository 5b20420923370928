package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/control"
	"github.com/nevsnode/gordon/v2/pkg/daemon"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

func (a *app) checkCommand() *cobra.Command {
	o := checkOptions{}
	cmd := &cobra.Command{
		Use:   "check [--socket PATH] [--as USER] [FILE]",
		Short: "Check the configuration and list all errors",
		Long: `Check reads FILE, or the file that the daemon would read, and its drop-ins.
It lists every fault with file and line and exits with 78, or reports that the
configuration is valid.

If a daemon runs with this configuration, check asks it whether it would accept the
configuration now: only the daemon knows its rights and its control group. Otherwise
check uses the rights of a user, and names that user: the user of the systemd unit if
the caller is root, else the caller. A missing program is a notice. So is anything
that the caller has no right to do or to see, but the daemon may have.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("check takes one FILE at most")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = strings.Join(args, "")
			return a.check(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.socket, "socket", defaultSocket(), "the daemon's control socket `PATH`; empty: do not ask a daemon")
	cmd.Flags().StringVar(&o.user, "as", "", "check with the permissions of `USER`, without asking the daemon (root only)")
	return cmd
}

// checkOptions are those of the command check.
type checkOptions struct{ file, socket, user string }

// check prints the result to standard output, as 1.6.5 did; programs read the exit
// status. The user whose rights were used goes to standard error.
func (a *app) check(ctx context.Context, o checkOptions) error {
	var notices []string
	var asked bool
	var err error
	if o.user == "" {
		notices, asked, err = a.ask(ctx, config.Path(o.file, a.binDir), o.socket)
	}
	if !asked {
		judge, fault := a.become(ctx, o)
		if fault != nil {
			return fault
		}
		if !a.flags.test { // -t prints what it printed in 1.6.5, and nothing else
			fmt.Fprintf(a.stderr, "no running gordon was asked; checked with the permissions of %s\n", whoami())
		}
		notices, err = daemon.Check(ctx, config.Path(o.file, a.binDir), func() (*config.Config, error) { return a.read(o.file) }, judge)
	}
	if err != nil {
		between := " "
		if strings.Contains(err.Error(), "\n") {
			between = "\n"
		}
		fmt.Fprintf(a.stdout, "Configuration is invalid:%s%v\n", between, err)
		if refused := (*control.Error)(nil); !errors.As(err, &refused) {
			err = &exitError{exitConfig, err}
		}
		return errReported{err}
	}
	for _, n := range notices {
		fmt.Fprintf(a.stdout, "Notice: %s\n", n)
	}
	fmt.Fprintln(a.stdout, "Configuration is valid")
	return nil
}

// askTimeout bounds the wait for a daemon, which may be stuck.
const askTimeout = 15 * time.Second

// ask has the daemon behind the socket check its configuration, if that is the file at
// path. asked is false if there is no such daemon.
func (a *app) ask(ctx context.Context, path, socket string) (notices []string, asked bool, err error) {
	path, err = filepath.Abs(path)
	if socket == "" || err != nil {
		return nil, false, nil // without a path no daemon can be asked
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := control.Client{Socket: socket}.Post(ctx, daemon.RouteCheck+"?"+url.Values{"config": {path}}.Encode())
	var refused *control.Error
	switch {
	case errors.As(err, &refused) && !slices.Contains(cannotCheck(), refused.Status):
		return nil, true, err
	case err != nil:
		return nil, false, nil
	}
	return strings.FieldsFunc(answer, func(r rune) bool { return r == '\n' }), true, nil
}

// cannotCheck are the answers of a daemon that has another configuration, or does not
// know the route because it is older.
func cannotCheck() []int {
	return []int{http.StatusConflict, http.StatusNotFound, http.StatusMethodNotAllowed}
}

// become changes to the user that a daemon would run as, if that is known.
func (a *app) become(ctx context.Context, o checkOptions) (j task.Judge, err error) {
	switch {
	case o.user != "":
		j = task.Judge{User: o.user}
	case os.Geteuid() == 0:
		j = task.UnitJudge(ctx, unitOf(config.Path(o.file, a.binDir)))
	}
	if j.User == "" {
		return j, nil
	}
	if err := j.Become(ctx); err != nil {
		return j, fmt.Errorf("check as %s: %w", j.User, err)
	}
	return j, nil
}

// unitOf returns the packaged unit that reads the configuration at path, or "".
func unitOf(path string) string {
	name, ok := strings.CutSuffix(filepath.Base(path), ".toml")
	switch {
	case path == config.SystemPath:
		return "gordon.service"
	case ok && filepath.Dir(path) == "/etc/gordon":
		return "gordon@" + name + ".service"
	}
	return ""
}

// whoami returns the name of the current user.
func whoami() string {
	me, err := user.Current()
	if err != nil {
		return fmt.Sprintf("the user with uid %d", os.Geteuid())
	}
	return me.Username
}
