package privilege

import "golang.org/x/sys/unix"

// JoinNewKeyring gives this thread, and the processes that it forks from now on, a
// new session keyring; keyctl(2), KEYCTL_JOIN_SESSION_KEYRING. A task with the daemon's
// own keyring could read the keys that another user's task puts there: the content of a
// session keyring belongs to all processes that have the keyring, whatever their user.
//
// The kernel may refuse: because of a seccomp filter, a kernel without keyrings, or the
// quota of the daemon's user (kernel.keys.maxkeys, 200 except for root), of which each
// running task takes one. The child then has the keyring of the thread. That is the
// daemon's own or one of a task of the daemon's user. It is never one of another
// user's task, because threads that fork those are used once.
func JoinNewKeyring() {
	_, _ = unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
}
