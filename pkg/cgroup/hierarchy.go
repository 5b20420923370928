package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// mountPoint returns where the hierarchy of version 2 is mounted, and which of
// its groups that mount shows as its root, from the text of
// /proc/self/mountinfo; proc_pid_mountinfo(5).
func mountPoint(mountinfo string) (dir, root string, err error) {
	for line := range strings.Lines(mountinfo) {
		mount, super, ok := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if ok && len(fields) > 4 && strings.HasPrefix(super, "cgroup2 ") {
			return unescape(fields[4]), unescape(fields[3]), nil
		}
	}
	return "", "", errors.New("the kernel's control groups v2 are not mounted here")
}

// unescape undoes what mountinfo does to a path with blanks in it.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// ownGroup returns the group of this process from the text of /proc/self/cgroup:
// the line of version 2 is the one with the number 0 and no controllers;
// cgroups(7).
func ownGroup(text string) (string, error) {
	for line := range strings.Lines(text) {
		if group, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return group, nil
		}
	}
	return "", errors.New("this process is in no control group of version 2")
}

// ownDir returns the folder of the group that this process is in.
func ownDir() (dir, mount string, err error) {
	mountinfo, err := files.Read("/proc/self/mountinfo", maxText)
	if err != nil {
		return "", "", fmt.Errorf("looking for the control groups: %w", err)
	}
	text, err := files.Read("/proc/self/cgroup", maxText)
	if err != nil {
		return "", "", fmt.Errorf("looking for the control groups: %w", err)
	}
	mount, root, err := mountPoint(string(mountinfo))
	if err != nil {
		return "", "", err
	}
	group, err := ownGroup(string(text))
	if err != nil {
		return "", "", err
	}
	inside, err := filepath.Rel(root, group)
	if err != nil || strings.HasPrefix(inside, "..") {
		return "", "", fmt.Errorf("the control group %s of this process is not visible here", group)
	}
	return filepath.Join(mount, inside), mount, nil
}
