// Command prereq marks the requirements of an rpm on systemd and util-linux as
// requirements of its scriptlets, too (Requires(pre), (post), (preun) and (postun)). rpm
// then installs them first and removes them last, even if packages require each other in
// a circle. nfpm has no setting for it.
//
//	prereq FILE...
//
// It changes the flags in place, and the digests over them. The format is in rpm's
// manual, "RPM V4 Package format" and "Tags".
package main

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // one of the digests in the format
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Tags of rpm's headers.
const (
	sigSHA1, sigSHA256, sigMD5 = 269, 273, 1004
	requireFlags, requireName  = 1048, 1049
)

// scriptlets are RPMSENSE_SCRIPT_PRE, _POST, _PREUN and _POSTUN of rpmds.h.
const scriptlets = 1<<9 | 1<<10 | 1<<11 | 1<<12

const (
	leadSize    = 96
	headerIntro = 16
	entrySize   = 16
)

var errFormat = errors.New("not an rpm package as nfpm makes it")

// header is a part of the file: an index of tags, and the store with their values.
type header struct {
	all, store []byte
	offsets    map[uint32]uint32
	counts     map[uint32]uint32
}

func main() {
	for _, file := range os.Args[1:] {
		if err := mark(file); err != nil {
			fmt.Fprintf(os.Stderr, "prereq: %s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

func mark(file string) error {
	rpm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if len(rpm) < leadSize {
		return errFormat
	}
	signature, err := parse(rpm[leadSize:])
	if err != nil {
		return err
	}
	begin := leadSize + (len(signature.all)+7)/8*8 // it is padded
	if begin > len(rpm) {
		return errFormat
	}
	main, err := parse(rpm[begin:])
	if err != nil {
		return err
	}
	if err := main.setFlags("systemd", "util-linux"); err != nil {
		return err
	}
	one, two, md := sha1.Sum(main.all), sha256.Sum256(main.all), md5.Sum(rpm[begin:]) //nolint:gosec // see above
	for tag, digest := range map[uint32][]byte{
		sigSHA1: []byte(hex.EncodeToString(one[:])), sigSHA256: []byte(hex.EncodeToString(two[:])), sigMD5: md[:],
	} {
		if offset, ok := signature.offsets[tag]; ok {
			copy(signature.store[offset:], digest)
		}
	}
	return os.WriteFile(file, rpm, 0o644) //nolint:gosec // a package is for everyone
}

// parse finds the header at the beginning of data, whose bytes it shares.
func parse(data []byte) (*header, error) {
	if len(data) < headerIntro || !bytes.Equal(data[:4], []byte{0x8e, 0xad, 0xe8, 1}) {
		return nil, errFormat
	}
	entries, size := int(binary.BigEndian.Uint32(data[8:])), int(binary.BigEndian.Uint32(data[12:]))
	index := headerIntro + entries*entrySize
	if index+size > len(data) {
		return nil, errFormat
	}
	h := &header{all: data[:index+size], store: data[index : index+size], offsets: map[uint32]uint32{}, counts: map[uint32]uint32{}}
	for entry := range slices.Chunk(data[headerIntro:index], entrySize) {
		tag := binary.BigEndian.Uint32(entry)
		h.offsets[tag] = binary.BigEndian.Uint32(entry[8:])
		h.counts[tag] = binary.BigEndian.Uint32(entry[12:])
	}
	return h, nil
}

// setFlags marks these requirements, all of which have to be there.
func (h *header) setFlags(names ...string) error {
	all := bytes.SplitN(h.store[h.offsets[requireName]:], []byte{0}, int(h.counts[requireName])+1)
	for _, name := range names {
		i := slices.IndexFunc(all, func(n []byte) bool { return string(n) == name })
		if i < 0 || i >= int(h.counts[requireName]) {
			return fmt.Errorf("%w: it does not require %s", errFormat, name)
		}
		flags := h.store[int(h.offsets[requireFlags])+4*i:]
		binary.BigEndian.PutUint32(flags, binary.BigEndian.Uint32(flags)|scriptlets)
	}
	return nil
}
