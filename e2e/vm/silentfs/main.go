// Command silentfs is a file system that stops answering, as that of a dead NFS
// server does. It mounts a folder with one file in it, "file", and never answers an
// open(2) of that file. A process that opens the file waits for ever, and when it is
// killed, it stays in uninterruptible sleep until silentfs ends:
//
//	silentfs FOLDER [MODULE]
//
// It loads the kernel module from the file MODULE first, where the kernel has none.
// It speaks the protocol of /dev/fuse by itself; see fuse(4) and the kernel's
// include/uapi/linux/fuse.h. For the virtual machine of e2e/vm.sh only.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// The requests that are answered, with their opcodes.
const (
	opLookup  = 1
	opGetattr = 3
	opInit    = 26
)

// The requests that get no answer.
const (
	opForget      = 2
	opOpen        = 14
	opInterrupt   = 36
	opBatchForget = 42
)

// header is fuse_in_header.
type header struct {
	Len, Opcode          uint32
	Unique, Node         uint64
	UID, GID, PID, Extra uint32
}

// reply is fuse_out_header.
type reply struct {
	Len    uint32
	Error  int32
	Unique uint64
}

// attr is fuse_attr.
type attr struct {
	Ino, Size, Blocks, Atime, Mtime, Ctime                                         uint64
	AtimeNsec, MtimeNsec, CtimeNsec, Mode, Nlink, UID, GID, Rdev, BlockSize, Flags uint32
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: silentfs FOLDER [MODULE]")
		os.Exit(2)
	}
	// It serves until it is killed.
	fmt.Fprintln(os.Stderr, "silentfs:", serve(os.Args[1], os.Args[2:]))
	os.Exit(1)
}

// serve mounts the file system and returns what ended it.
func serve(folder string, module []string) error {
	if len(module) > 0 {
		if err := load(module[0]); err != nil {
			return err
		}
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening /dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)
	if err := unix.Mount("silentfs", folder, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mounting: %w", err)
	}
	request := make([]byte, 1<<20)
	for {
		n, err := unix.Read(fd, request)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		if err := answer(fd, request[:n]); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

func load(module string) error {
	f, err := os.Open(module)
	if err != nil {
		return fmt.Errorf("loading the module: %w", err)
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("loading the module: %w", err)
	}
	return nil
}

func answer(fd int, request []byte) error {
	var h header
	if err := binary.Read(bytes.NewReader(request), binary.NativeEndian, &h); err != nil {
		return err
	}
	var body []any
	var fault unix.Errno
	switch h.Opcode {
	case opForget, opOpen, opInterrupt, opBatchForget:
		return nil
	case opInit: // fuse_init_out of protocol 7.31
		body = []any{[4]uint32{7, 31, 0, 0}, [2]uint16{}, [2]uint32{4096, 1}, [2]uint16{}, [8]uint32{}}
	case opLookup: // fuse_entry_out
		const fileNode = 2
		body = []any{[4]uint64{fileNode}, [2]uint32{}, attributes(fileNode)}
		if name := string(bytes.TrimRight(request[binary.Size(h):], "\x00")); name != "file" {
			body, fault = nil, unix.ENOENT
		}
	case opGetattr: // fuse_attr_out
		body = []any{uint64(0), [2]uint32{}, attributes(h.Node)}
	default:
		fault = unix.ENOSYS
	}
	var out bytes.Buffer
	for _, part := range append([]any{reply{Error: -int32(fault), Unique: h.Unique}}, body...) {
		if err := binary.Write(&out, binary.NativeEndian, part); err != nil {
			return err
		}
	}
	binary.NativeEndian.PutUint32(out.Bytes(), uint32(out.Len()))
	_, err := unix.Write(fd, out.Bytes())
	if errors.Is(err, unix.ENOENT) {
		return nil // the request was interrupted meanwhile
	}
	return err
}

// attributes are those of the folder, which has the number 1, or of its file.
func attributes(node uint64) attr {
	a := attr{Ino: node, Mode: unix.S_IFDIR | 0o755, Nlink: 2, BlockSize: 4096}
	if node != 1 {
		a.Mode, a.Nlink, a.Size = unix.S_IFREG|0o755, 1, 4096
	}
	return a
}
