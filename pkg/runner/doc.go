// Package runner runs the process of one task: it starts it, captures its output,
// reports how it ended, and stops it with everything that it has started.
//
// # Scope
//
// It owns the leader's pid, its pipes and its end. It knows nothing about queues,
// entries, Redis, configuration or logging: it gets a path, arguments and an environment,
// and returns an Outcome. Retries, time-outs and their meaning belong to its callers.
// Four packages below it do a part each: pkg/program looks at the files, pkg/privilege
// changes the user, pkg/capacity keeps threads and room, pkg/proctree finds the processes.
//
// # A running task is data
//
// No part of a running task lives only in a goroutine's stack. Process is a
// plain struct of pid, pidfd, start time, the read ends of two pipes and the output
// so far. Start leaves no goroutine behind, and Wait is a loop over that
// struct that can be left and entered again between any two turns. A later
// version can therefore hand running tasks to a new binary by re-exec: write
// the structs down, keep the descriptors and the pid across execve(2) (the
// children stay children), and go on.
//
// That is also why os/exec is not used: its copying goroutines own the pipes.
// And it costs more: BenchmarkRunAgainstExec compares the two.
//
// # Calls that may hang
//
// The whole daemon waits while the kernel works between fork and execve. So the files that
// execve will open are opened before, where a hang costs a thread; see pkg/program.
//
// # The end of a task
//
// A task ends when its leader ends, the process that Start created. Children
// that it leaves behind are counted, and either left alone, as a shell would do, or ended
// (Spec.KillLeftovers). If they hold stdout or stderr open, Wait reads on until
// all of them sleep (proctree.Rest). From then on their output does not count, and a Drain
// reads and discards it. Stop is the other way to end a task. It ends the whole
// tree: no process of it is left.
//
// # Signals to the leader
//
// A pid can be given to another process as soon as its owner has been waited
// for. The leader and its process group are therefore signalled only while the
// leader is not reaped: a zombie keeps its pid and its group's id reserved.
package runner
