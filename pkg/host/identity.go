package host

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// The files with the identity of the machine and of the boot; machine-id(5), random(4).
const (
	machineIDFile     = "/etc/machine-id"
	dbusMachineIDFile = "/var/lib/dbus/machine-id"
	bootIDFile        = "/proc/sys/kernel/random/boot_id"
	pidNamespaceLink  = "/proc/self/ns/pid"
)

// maxIDFile limits the size of the files above, in bytes.
const maxIDFile = 4 << 10

// Identity distinguishes one process from every other process of every machine, as
// far as Linux allows that. The zero value means "unknown" and is never
// called dead. The JSON form is part of the record of an instance in Redis,
// which hosts of other versions read.
type Identity struct {
	// Hostname is the kernel's host name, uname(2).
	Hostname string `json:"host"`
	// MachineID is machine-id(5): 32 hexadecimal digits, or "" if the
	// machine has none (many containers) or none yet (a golden image).
	MachineID string `json:"machine_id"`
	// BootID is a random id that the kernel chooses at each boot.
	BootID string `json:"boot_id"`
	// PIDNamespace is the text of the link /proc/self/ns/pid, such as
	// "pid:[4026531836]"; see pid_namespaces(7).
	PIDNamespace string `json:"pid_ns"`
	// PID is the process id as seen inside PIDNamespace.
	PID int `json:"pid"`
	// StartTime is when the process started, in clock ticks since the boot
	// (field 22 of /proc/PID/stat). It distinguishes processes that had the same pid
	// one after the other.
	StartTime uint64 `json:"start_time"`
}

// Self returns the identity of the calling process. A missing machine id is no
// error. The boot id, the pid namespace and the start time must be readable,
// because without them no other process could ever decide that this one is dead.
func Self() (Identity, error) {
	name, err := os.Hostname()
	if err != nil {
		return Identity{}, fmt.Errorf("reading the host name: %w", err)
	}
	boot, err := files.Read(bootIDFile, maxIDFile)
	if err != nil {
		return Identity{}, fmt.Errorf("reading the boot id: %w", err)
	}
	pidns, err := os.Readlink(pidNamespaceLink)
	if err != nil {
		return Identity{}, fmt.Errorf("reading the pid namespace: %w", err)
	}
	st, err := ReadStat(os.Getpid())
	if err != nil {
		return Identity{}, fmt.Errorf("reading the start time: %w", err)
	}
	return Identity{
		Hostname:     name,
		MachineID:    readMachineID(machineIDFile, dbusMachineIDFile),
		BootID:       strings.TrimSpace(string(boot)),
		PIDNamespace: pidns,
		PID:          os.Getpid(),
		StartTime:    st.StartTime,
	}, nil
}

// readMachineID returns the first valid machine id among the files, or "".
// Only 32 hexadecimal digits are valid: an image that has not
// booted yet has the text "uninitialized" or an empty file, and all of its copies
// would look like one machine.
func readMachineID(paths ...string) string {
	for _, file := range paths {
		text, err := files.Read(file, maxIDFile)
		if err != nil {
			continue
		}
		id := strings.ToLower(strings.TrimSpace(string(text)))
		raw, err := hex.DecodeString(id)
		if err == nil && len(raw) == 16 && strings.Trim(id, "0") != "" {
			return id
		}
	}
	return ""
}
