package cgroup

import "time"

// emptyPatience bounds the wait for the processes of a group that was killed.
const emptyPatience = 2 * time.Second

// removeSoon removes a group whose processes were killed, as soon as they are
// gone.
func removeSoon(dir string) error {
	deadline := time.Now().Add(emptyPatience)
	for pause := time.Millisecond; ; pause *= 2 {
		err := remove(dir)
		if !busy(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}
