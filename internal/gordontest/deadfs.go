package gordontest

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// DeadFolder mounts a file system that never answers: a FUSE without a process that reads
// its requests. Each access waits until heal is called or the test ends, and then fails
// because the connection was aborted.
func DeadFolder(t testing.TB) (dir string, heal func()) {
	t.Helper()
	dir = t.TempDir()
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", dev)
	if err := unix.Mount("dead", dir, "fuse", 0, options); err != nil {
		t.Fatal(errors.Join(err, unix.Close(dev)))
	}
	healed := false
	heal = func() {
		if healed {
			return
		}
		healed = true
		if err := errors.Join(unix.Close(dev), unix.Unmount(dir, unix.MNT_DETACH)); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(heal)
	return dir, heal
}
