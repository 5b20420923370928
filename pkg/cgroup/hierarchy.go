package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/host"
)

// ownGroup returns the group of this process from the text of /proc/self/cgroup. The
// line of version 2 has the number 0 and no controllers; cgroups(7).
func ownGroup(text string) (string, error) {
	for line := range strings.Lines(text) {
		if group, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return group, nil
		}
	}
	return "", errors.New("this process is in no cgroup v2")
}

// ownDir returns the folder of the group of this process, and the mount point above it.
func ownDir() (dir, mount string, err error) {
	mountinfo, err := files.Read("/proc/self/mountinfo", maxText)
	if err != nil {
		return "", "", fmt.Errorf("finding the control groups: %w", err)
	}
	text, err := files.Read("/proc/self/cgroup", maxText)
	if err != nil {
		return "", "", fmt.Errorf("finding the control groups: %w", err)
	}
	hierarchy, ok := host.FindCgroupMount(string(mountinfo), "")
	if !ok {
		return "", "", errors.New("the kernel's control groups v2 are not mounted here")
	}
	group, err := ownGroup(string(text))
	if err != nil {
		return "", "", err
	}
	inside, ok := hierarchy.Inside(group)
	if !ok {
		return "", "", fmt.Errorf("the control group %s of this process is not visible here", group)
	}
	return filepath.Join(hierarchy.Dir, inside), hierarchy.Dir, nil
}
