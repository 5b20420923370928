// Package daemon is the running gordon: it connects the packages below it, and owns
// their start, the reload of the configuration, the stop, the daemon's own control
// group, and the handlers of the control API.
//
// It must not know the command line. The caller passes functions that read the
// configuration and map an error to an exit status. It does not decide which entry runs
// when: that is pkg/taskqueue.
package daemon
