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
// their control groups. The stories about limits, and about processes that nothing can
// kill, are in vm.sh and vm/stories.sh, for virtual machines with a Debian 12 and a
// Debian 13 that have kernels of their own; "make e2e-vm" runs them.
package e2e
