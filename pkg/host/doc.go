// Package host says which machine, which boot and which process this is, and
// whether the process that wrote such an identity is dead for certain.
//
// It owns the reading of /etc/machine-id and of the few files of /proc that
// the rest of Gordon needs. It is a leaf: it knows nothing about tasks, Redis
// or configuration, and imports nothing of ours.
//
// Certainty is the point. Recovery runs another instance's entries again as
// soon as that instance is "dead", so a wrong yes runs a task twice at the
// same time, while a wrong no only means waiting for a lease to run out. Every
// doubt therefore counts as "unknown", and the lease decides.
package host
