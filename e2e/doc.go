// Package e2e proves gordon's packages on real systems: a throw-away Debian 12
// and a Debian 13, each booted with its own systemd and without a network.
// Every test is a story that an administrator lives through, and starts from a
// machine that has never heard of gordon.
//
// "make e2e" runs it. It needs root, systemd-nspawn and mmdebstrap, and keeps the
// bases of its machines in $E2E_CACHE (/var/cache/gordon-e2e). The tests have the
// build tag e2e, since nothing of this fits beside unit tests.
//
// These machines run on the kernel of their host, which has no controllers for
// their control groups. What a limit does is told by vm.sh and vm/stories.sh, in a
// virtual machine with a kernel of its own; "make e2e-vm" runs them.
package e2e
