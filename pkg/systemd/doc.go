// Package systemd speaks to the service manager: readiness, status, reload,
// stop and watchdog, as sd_notify(3) describes them.
//
// It must not know what the daemon does. It is handed a text for STATUS= and a
// function that says whether everything moves. Without a service manager every
// call does nothing and succeeds.
package systemd
