// Package entry decodes the entries that producers push, and writes the records of
// failed ones.
//
// An entry is the JSON object {"args":["…"],"env":{"NAME":"value"}}. Its bytes are its
// identity: they belong to the producer, who may look for them again, and they may
// contain numbers, properties and an order that no Go type keeps. So [Decode] only reads
// them, and [Failed], [Later] and [WithPast] cut and insert bytes. Nothing here decodes
// an entry in order to encode it again.
//
// The package must not know Redis, processes or the configuration. Whether an argument
// or a variable can be passed to a process (NUL bytes, sizes, unsafe names) is decided by
// package taskenv.
package entry
