// Package redisconn owns the connections to Redis: where the server is, how a
// connection is made and secured, how long an answer may take, and what is certain
// after a failure.
//
//   - [Client] makes connections. Its locator finds the server: at a fixed address, or
//     through Sentinel ([SentinelWatch] follows a failover at once).
//   - [Conn] is one connection: commands, pipelines, transactions, blocking commands.
//   - [Link] is a connection that is replaced after it broke, and the fence against
//     commands that the server has yet to read from the broken one.
//   - [Busy] is the time until which a goroutine may wait for Redis.
//
// It must not know what Gordon stores: no key, no script, no entry. Only package store
// uses it.
//
// # What is certain after an error
//
// A [ReplyError] is an answer of the server: it has not carried out the command. Any
// other error means that the connection broke, and that nobody knows whether the server
// has carried out the command or will do so: a stopped server may read it from its
// socket a minute later. A [Link] therefore fences a broken connection, that is, has the
// server close it, before it asks anything on the next one. From then on, everything
// that is read stays true.
package redisconn
