package host_test

import (
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

func TestFindCgroupMount(t *testing.T) {
	const v1 = "25 30 0:22 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
	const pids = `26 30 0:23 /a\040b /mnt/c\134d\011e rw - cgroup cgroup rw,pids` + "\n"
	for _, tc := range []struct{ text, controller, want string }{
		{"30 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + v1 + "31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n", "", "/sys/fs/cgroup /"},
		{"31 23 0:27 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n", "", "/sys/fs/cgroup/unified /"},
		{"31 23 0:27 /a\\040b /mnt/c\\134d rw - cgroup2 none rw\n", "", `/mnt/c\d /a b`},
		{"31 23 0:27 /a\\040b /mnt/c\\134d rw - cgroup2 none rw", "", `/mnt/c\d /a b`},
		{v1 + pids, "pids", "/mnt/c\\d\te /a b"},
		{v1, "pids", ""},
		{v1, "", ""},
		{"", "", ""},
		{"31 23 - cgroup2 x\n", "", ""},
		{"31 23 0:27 / /x rw - cgroup2\n", "", ""},
	} {
		m, ok := host.FindCgroupMount(tc.text, tc.controller)
		if got := strings.TrimSpace(m.Dir + " " + m.Root); got != tc.want || ok != (tc.want != "") {
			t.Errorf("%q of %q: got %q, %v; want %q", tc.controller, tc.text, got, ok, tc.want)
		}
	}
}

func TestInsideOfACgroupMount(t *testing.T) {
	for _, tc := range []struct {
		root, group, want string
		ok                bool
	}{
		{"/", "/system.slice/a b.service", "system.slice/a b.service", true},
		{"/x", "/x/y", "y", true},
		{"/x", "/x", ".", true},
		{"/x", "/y", "", false},
		{"/x", "relative", "", false},
	} {
		if got, ok := (host.CgroupMount{Root: tc.root}).Inside(tc.group); got != tc.want || ok != tc.ok {
			t.Errorf("%q in %q: got %q, %v", tc.group, tc.root, got, ok)
		}
	}
}
