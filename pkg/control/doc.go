// Package control owns the daemon's control socket: HTTP over a unix socket,
// for what a person or the service manager asks of a running gordon.
//
// Who may open the socket may do all that it offers: its file mode is the access
// control. It must not know how a request is carried out; it is handed functions.
package control
