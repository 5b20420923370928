// Package runner runs one task's process: it starts it, captures what it
// prints, tells how it ended, and kills it with everything it has started.
//
// # What it owns, and what it must not know
//
// It owns pids, process groups, pipes and the kernel's limits on arguments and
// environment. It knows nothing about queues, entries, Redis, configuration or
// logging: it is given a path, arguments and an environment, and hands back an
// Outcome. Retries, time-outs and their meaning belong to its callers.
//
// # A running task is data
//
// Nothing about a running task lives only in a goroutine's stack. Process is a
// plain struct of pid, pidfd, start time, the read ends of two pipes and what
// was read so far. Start leaves no goroutine behind, and Wait is a loop over that
// struct that can be left and entered again between any two turns. A later
// version can therefore hand running tasks to a new binary by re-exec: write
// the structs down, keep the descriptors and the pid across execve(2) (the
// children stay children), and go on.
//
// That is also why os/exec isn't used: its copying goroutines own the pipes.
// And it costs more: BenchmarkRunAgainstExec holds both against each other.
//
// # What may hang
//
// Whatever the kernel does between fork and execve, the daemon waits for, as a whole.
// So what execve will open is opened before, where a hang costs a thread; see looks.
//
// # The end of a task
//
// A task ends when its leader ends, the process that Start created. Children
// that it leaves behind are counted, and left alone, as a shell would, or ended
// (Spec.KillLeftovers). When they hold stdout or stderr open, Wait reads on until
// all of them sleep (rest); from then on their output counts for nothing, and a Drain
// reads and discards it. Stop is the other way to end a task: it is for the whole
// tree, and nothing of the tree outlives it.
//
// # Which processes belong to a task
//
// With a Group (Spec.Group) all that is in it: a child is born where its parent
// is, and the leader is born there. Besides it, and without one: the process
// group of the leader, which leads a session too; every process whose environment carries the task's id in
// GORDON_TASK_ID, which survives a double fork and setsid(2); and whatever
// descends from one of those while its parent lives. What gets away is a process
// that leaves the process group, drops its environment and loses its parent. Only
// a Group catches that one.
//
// A daemon that is not root can read the environment of its own user alone. The
// processes of another user are looked at with his rights to files, for a moment
// and on a thread of its own (markerOfForeign). That takes CAP_SETUID and
// CAP_SETGID, which a daemon has that could start them.
//
// # As another user
//
// Credentials, priorities and the rest of Attributes are taken on by the thread
// that forks, or by the child; see Attributes.with. What a script must never get
// is the daemon's own capabilities (keepCapsFromChildren). What decides about rights
// keeps one of them, so that no script can answer in its place (guardChildren).
//
// # Pids are not identities
//
// A pid can be given to another process as soon as its owner has been waited
// for. Process groups and the leader are therefore signalled only while the
// leader is not reaped (a zombie keeps its pid and its group's id reserved),
// and every other process only through a pidfd, checked again after opening.
package runner
