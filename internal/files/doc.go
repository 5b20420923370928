// Package files opens and reads files that are named by a person and may be
// anything: a FIFO without a writer, a device, a file on a server that no longer
// answers. It must not know what the files are for.
//
// Two things block a reader for ever. One is open(2) of a FIFO or a device; [Open]
// never does that. The other is any system call on a file system that is dead (NFS,
// FUSE), from which a thread does not come back. [Within] stops waiting for such a
// call, and [Calls] bounds how many threads are left behind.
package files
