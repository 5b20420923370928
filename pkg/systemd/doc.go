// Package systemd notifies the service manager of readiness, status, reload, stop and
// liveness (the watchdog), as sd_notify(3) describes them.
//
// It must not know what the daemon does. The caller passes a text for STATUS= and a
// function that reports whether the daemon is alive. Without a service manager every
// call does nothing and succeeds.
package systemd
