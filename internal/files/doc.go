// Package files opens and reads files whose path comes from a person: the path may lead to
// a FIFO without a writer, to a device, or to a server that no longer answers. The package
// must not know the purpose of the files.
//
// Two kinds of system calls may block a reader for ever. One is open(2) of a FIFO or a
// device; [Open] never blocks there. The other is any call on a file system that is dead
// (NFS, FUSE), from which a thread does not return. [Within] stops waiting for such a
// call, and [Calls] limits how many threads are left behind.
package files
