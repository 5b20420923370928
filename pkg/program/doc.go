// Package program examines the file of a program before it is executed: whether its file
// system answers, whether execve(2) would accept it, and why it did not.
//
// An execve that hangs, on the mount of a dead server, hangs the daemon: the thread that
// forks waits for it, and the next garbage collection waits for that thread. An ordinary
// system call that hangs keeps only its own thread. Therefore a start opens the files
// that execve will open before it forks ([Probe]), within a time limit ([Looks]).
//
// The package starts nothing, and must not know why a program is started. It is the only
// importer of os/exec, for LookPath.
package program
