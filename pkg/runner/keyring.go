package runner

import "golang.org/x/sys/unix"

// joinNewKeyring gives this thread, and the processes that it forks from now on, a
// new session keyring; keyctl(2), KEYCTL_JOIN_SESSION_KEYRING. Whoever has the
// daemon's own could read the keys that another user's task puts there: what is in a
// session keyring belongs to all who have it, whatever their user.
//
// The kernel may refuse: a seccomp filter, no keyrings in the kernel, or the quota
// of the daemon's user (kernel.keys.maxkeys, 200 but for root), of which each running
// task takes one. The child then has the keyring that the thread has, and that is the
// daemon's own or one of a task of the daemon's user. It is never one of another
// user's task: those are forked by threads that are used once.
func joinNewKeyring() {
	_, _ = unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
}
