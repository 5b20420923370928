package host

import (
	"path/filepath"
	"strings"
)

// CgroupMount is a place where a hierarchy of control groups is mounted.
type CgroupMount struct {
	Dir  string // the mount point
	Root string // the group that the mount shows as its root
}

// FindCgroupMount finds a hierarchy of control groups in the text of
// /proc/self/mountinfo (proc_pid_mountinfo(5)): that of version 2, or with a controller
// that of version 1 which has the controller. ok is false if it is not mounted.
func FindCgroupMount(mountinfo, controller string) (m CgroupMount, ok bool) {
	for line := range strings.Lines(mountinfo) {
		mount, super, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		fields, of := strings.Fields(mount), strings.Fields(super)
		if len(fields) < 5 || len(of) < 3 {
			continue
		}
		v2 := controller == "" && of[0] == "cgroup2"
		v1 := controller != "" && of[0] == "cgroup" && strings.Contains(","+of[2]+",", ","+controller+",")
		if v1 || v2 {
			return CgroupMount{Dir: unescape(fields[4]), Root: unescape(fields[3])}, true
		}
	}
	return CgroupMount{}, false
}

// unescape restores the characters of a path that mountinfo escapes.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// Inside returns the path of a group relative to the mount point. ok is false if the
// mount does not show the group.
func (m CgroupMount) Inside(group string) (path string, ok bool) {
	path, err := filepath.Rel(m.Root, group)
	if err != nil || strings.HasPrefix(path, "..") {
		return "", false
	}
	return path, true
}
