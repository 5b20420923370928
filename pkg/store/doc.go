// Package store owns everything that gordon says to Redis: the names of the
// keys, the connections and the few commands that move an entry.
//
// It must not know what a task is, how a process is run or when something is
// tried again: callers decide that, helped by typed errors. An entry is a slice
// of bytes that Redis moves whole; it is never decoded here.
//
// # What is certain after an error
//
// An error that is a [ReplyError] came from the server: the command was not
// carried out. Any other error means that the connection broke and that nobody
// knows whether the command was, is or *will be* carried out: a stopped server
// may read it from its socket a minute later. [Link] therefore fences a broken
// connection, that is, has the server drop it, before anything is asked on the
// next one; what is read from then on stays true.
package store
