// Package privilege gives a process its user, groups, capabilities, session keyring,
// working directory, umask, priorities and OOM score.
//
// The thread that forks takes on most of them, or the child does between fork and
// execve; see [Attributes.With]. No script may get the daemon's own capabilities
// ([Attributes.LimitCaps]). A program whose answer decides about rights keeps one of
// them, so that no script can answer in its place ([Attributes.Guarded]).
//
// The package must not know which program is started. It looks up no account, because
// the kernel knows numbers only.
package privilege
