// Package host identifies the machine, the boot and the process, and decides whether the
// process with another such identity is certainly dead.
//
// It owns the reading of /etc/machine-id and of the few files of /proc that
// the rest of Gordon needs. It knows nothing about tasks, Redis or configuration, and
// imports only internal/files.
//
// Recovery runs the entries of a dead instance again at once. A process that is wrongly
// called dead would run a task twice at the same time, while a process that is wrongly
// called alive only delays recovery until its lease expires. Every
// doubt therefore counts as "unknown", and the lease decides.
package host
