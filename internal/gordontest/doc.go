// Package gordontest runs the real gordon binary as a process for tests: a folder
// with a configuration and scripts, the daemon, its output, its messages to
// systemd, and its cost.
//
// It must not know any story; those are in the packages that use it. Nothing that
// ships imports it.
package gordontest
