package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
)

// releaseGroupsCommand is for ExecStopPost= of the unit. It is hidden because it does
// nothing anywhere else.
func releaseGroupsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "release-groups",
		Short:  "Prepare the control group of the unit for a restart despite unkillable processes",
		Args:   noArguments,
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			if err := cgroup.Release(); err != nil {
				return fmt.Errorf("releasing the control groups: %w", err)
			}
			return nil
		},
	}
}
