// Package admission decides which tasks may run now: at most `workers` of a type,
// at most `max_running` of all types, and in which order the types have their turn.
//
// It is pure: it knows no entries, no Redis, no processes and no clock. Its callers
// tell it that a task type has work, asks for a permit or releases one.
package admission
