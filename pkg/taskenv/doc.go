// Package taskenv composes the environment of a task from that of the daemon, the
// configuration and the entry, and knows the kernel's limits on the strings that a
// program is started with.
//
// It decides which variables an entry may set. An entry may choose values for the
// script, but not the code that runs. The package must not know how a process is
// started, nor where the variables come from. It imports nothing of Gordon.
package taskenv
