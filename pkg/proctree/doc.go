// Package proctree finds the processes of a task and kills them, wherever they went.
//
// It owns the search of /proc. It must not know how a task was started, nor the meaning of
// its end.
//
// # Which processes belong to a task
//
// With a [Group], all processes in it: a child is born in the group of its parent, and
// the leader is born there. Besides it, and without one: the process group of the
// leader; every process whose environment carries the task's id in GORDON_TASK_ID, which
// survives a double fork and setsid(2); and the descendants of those while their parent
// lives. A process escapes if it leaves the process group, drops its environment and
// loses its parent. Only a Group catches that one.
//
// A daemon that is not root can read the environment of its own user only. It reads that
// of another user's process with the other user's rights to files, for a moment and on a
// thread of its own (markerAs). That takes CAP_SETUID and CAP_SETGID, which a
// daemon has that could start such processes.
//
// # Pids are not identities
//
// The kernel may give a pid to another process as soon as its owner has been waited for.
// Process groups are therefore signalled only while their leader is not reaped (a zombie
// keeps its pid and its group's id reserved), and every other process only through a
// pidfd, checked again after opening.
package proctree
