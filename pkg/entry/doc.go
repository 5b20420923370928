// Package entry reads what a producer pushed and writes the record that a
// failed one leaves behind.
//
// An entry is the JSON object {"args":["…"],"env":{"NAME":"value"}}. Its bytes
// are its identity: they belong to the producer, who may look for them again,
// and they may hold numbers, properties and an order that no Go type keeps. So
// Decode only looks at them, and Failed cuts and inserts bytes; nothing here
// decodes an entry in order to encode it again.
//
// The package knows nothing of Redis, of processes, or of the configuration.
// Whether an argument or a variable can be handed to a process (NUL bytes,
// sizes, unsafe names) is for the runner to say.
package entry
