// Package gordontest runs the real gordon binary as a process for tests: a folder
// with a configuration and scripts, the daemon, what it prints, what it tells
// systemd, and what it costs.
//
// It must not know any story; those are in the packages that use it. Nothing that
// ships imports it.
package gordontest
