// Package capacity keeps a daemon able to work when no process or thread can be
// started any more. [Room] measures how many more processes and threads the limits of
// the user and of the control groups allow. [Reserve] makes all threads that the daemon
// needs while there is room for them.
//
// The package must not know the purpose of the processes.
package capacity
