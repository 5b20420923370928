// Command bench measures what gordon adds to running a program, on the machine
// that it runs on: throughput beside a bare os/exec loop, the time from a push to
// the start of the script, how late an entry for later runs, and what an idle daemon
// costs, also one to which a million entries for later were given.
//
// With -hosts it measures instead what entries for later cost Redis that many hosts
// share: commands per entry with real daemons, and the CPU time of Redis with many
// pools in this process.
//
// It runs the real binary on a private Redis, and takes what it is compared with
// in the same run, in turns: numbers of another day or machine say little.
package main
