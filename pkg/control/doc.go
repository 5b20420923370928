// Package control is the transport of the daemon's control API: HTTP over a unix
// socket, for requests of a person or the service manager to a running gordon. It owns
// the socket's file, the bounds for clients, the check of who answers, and the form of
// an error.
//
// Whoever may open the socket may do everything that the handler offers: the mode of
// its file is the access control. The package must not know any route; the handler
// is passed in, and the client names the path.
package control
