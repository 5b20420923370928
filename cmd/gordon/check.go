package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check the configuration and list every fault",
		Long: `Check reads FILE, or the file that the daemon would read, and its drop-ins.
It lists every fault with file and line and exits with 78, or says that the
configuration is valid. Users and groups must exist on this machine; a program, file
or folder that is missing, or rights that this user lacks, are said as notices.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("check takes one FILE at most")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.check(cmd.Context(), strings.Join(args, ""))
		},
	}
}

// check prints the verdict to standard output, where 1.6.5's users look for it;
// the exit code is the part for programs.
func (a *app) check(ctx context.Context, file string) error {
	var doubts []string
	c, err := a.read(file)
	if err == nil {
		doubts, err = taskqueue.Check(ctx, c)
	}
	var faults config.Faults
	if errors.As(err, &faults) && len(faults) > 1 {
		fmt.Fprintf(a.stdout, "Configuration is invalid:\n%v\n", faults)
		return errSaid{&exitError{exitConfig, err}}
	}
	if err != nil {
		fmt.Fprintf(a.stdout, "Configuration is invalid: %v\n", err)
		return errSaid{&exitError{exitConfig, err}}
	}
	for _, n := range slices.Concat(c.Notices, doubts) {
		fmt.Fprintf(a.stdout, "Notice: %s\n", n)
	}
	fmt.Fprintln(a.stdout, "Configuration is valid")
	return nil
}
