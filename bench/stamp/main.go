// Command stamp writes to the file that its argument names at what time it has
// started: nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)), as a line.
//
// It is the script whose start bench times. A shell would take longer to say
// what time it is than gordon to start it.
package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	var started unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &started) != nil || len(os.Args) != 2 {
		os.Exit(1)
	}
	fd, err := unix.Open(os.Args[1], unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		os.Exit(1)
	}
	line := strconv.AppendInt(nil, started.Nano(), 10)
	if _, err := unix.Write(fd, append(line, '\n')); err != nil {
		os.Exit(1)
	}
}
