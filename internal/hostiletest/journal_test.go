package hostiletest

import (
	"bytes"
	encoding "encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// onJournal runs gordon, $0, where /run/systemd/journal/socket is ours, $1, and
// as systemd does it where its output is the journal's.
const onJournal = `mount -t tmpfs none /run && mkdir -p /run/systemd/journal && ln -s "$1" /run/systemd/journal/socket || exit
shift
JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$0" "$@"`

// parseJournal reads a record as journald does: NAME=value in a line, or NAME in
// a line, the length in 8 bytes, little-endian, and as much of a value, with a
// line break (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
func parseJournal(data []byte) (map[string]string, error) {
	record := make(map[string]string)
	for len(data) > 0 {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("no line break behind %.100q", data)
		}
		name, value, short := bytes.Cut(line, []byte("="))
		if !short {
			if len(rest) < 8 {
				return nil, fmt.Errorf("no length behind %q", name)
			}
			n := encoding.LittleEndian.Uint64(rest)
			rest = rest[8:]
			if n >= uint64(len(rest)) || rest[n] != '\n' {
				return nil, fmt.Errorf("%q has a length of %d, and no line break there", name, n)
			}
			value, rest = rest[:n], rest[n+1:]
		}
		if _, twice := record[string(name)]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		record[string(name)] = string(value)
		data = rest
	}
	return record, nil
}

func TestParseJournal(t *testing.T) {
	t.Parallel()
	record, err := parseJournal([]byte("A=1\nB\n\x05\x00\x00\x00\x00\x00\x00\x00x\nC=2\nD=\n"))
	if err != nil || len(record) != 3 || record["A"] != "1" || record["B"] != "x\nC=2" || record["D"] != "" {
		t.Errorf("got %q, %v", record, err)
	}
	for _, bad := range []string{"A=1", "A\n1234567", "A\n\x05\x00\x00\x00\x00\x00\x00\x00x\n", "A=1\nA=2\n"} {
		if _, err := parseJournal([]byte(bad)); err == nil {
			t.Errorf("%q is a record", bad)
		}
	}
}

// Nothing that others choose becomes a field of the journal.
func TestNobodyForgesTheJournal(t *testing.T) {
	t.Parallel()
	const forged = "x\nFORGED=1\nGORDON_OUTCOME=ok\nMESSAGE=forged\nPRIORITY=6\nGORDON_ERROR\n\x01\x00\x00\x00\x00\x00\x00\x00x\nFORGED=2\n\n"
	const odd = "odd = FORGED=1 \u2028 GORDON_OUTCOME=ok"
	site, redis := newSite(t)
	address := site.File("journal")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()

	site.Write("out", forged)
	site.Script("T", `cat "$D/out"; printf '%s' "$@"; exit 3`)
	site.Configure(site.Task("T", 1) + fmt.Sprintf("[tasks.%q]\nscript = %q\n", odd, site.File("T.sh")))
	quoted, err := json.Marshal(strings.ReplaceAll(forged, "\x00", "0"))
	if err != nil {
		t.Fatal(err)
	}
	redis.Push(t, "q:T", `{"args":[`+string(quoted)+`]}`, forged, `{"env":{"LD_`+string(quoted[1:])+`:"x"}}`)
	redis.Push(t, "q:"+odd, `{"args":[`+string(quoted)+`]}`)
	// The name of a record in Redis is in the log as well.
	redis.Do(t, "HSET", "q:instances", "id"+forged, "{")

	// A mount namespace of its own, for which root is needed, or to be it in a user
	// namespace (unshare(1)).
	site.Write("on-journal", fmt.Sprintf("#!/bin/sh\nexec unshare --map-root-user --mount sh -c '%s' %q %q \"$@\"\n", onJournal, site.Binary, address))
	site.Binary = site.File("on-journal")
	daemon := site.Run(nil)

	j := &journal{t: t, socket: socket}
	// PRIORITY=4 is the warning about the record in Redis.
	j.until("all have failed", func() bool { return j.count("GORDON_OUTCOME", "") == 4 && j.count("PRIORITY", "4") > 0 })
	if n := j.count("FORGED", ""); n > 0 || daemon.Printed() != "" {
		t.Errorf("%d records are forged; gordon printed %q", n, daemon.Printed())
	}
	if n := j.count("PRIORITY", "3"); n != 4 {
		t.Errorf("%d failures are in the journal, want 4", n)
	}
	// What was to be forged is there as what it is.
	if !slices.ContainsFunc(j.records, func(r map[string]string) bool { return strings.Contains(r["GORDON_ERROR"], forged[:40]) }) {
		t.Error("no record holds what the script printed")
	}
	daemon.Stop()
}

// journal is what journald would be sent.
type journal struct {
	t       *testing.T
	socket  *net.UnixConn
	records []map[string]string
}

// count tells how many records have a field, with this value or any.
func (j *journal) count(field, value string) (n int) {
	for _, r := range j.records {
		if got, ok := r[field]; ok && (value == "" || got == value) {
			n++
		}
	}
	return n
}

var fieldOfOurs = regexp.MustCompile(`^(MESSAGE|PRIORITY|MESSAGE_ID|SYSLOG_IDENTIFIER|GORDON_[A-Z_]+)$`)

// until reads records until there are enough, and checks each.
func (j *journal) until(what string, enough func() bool) {
	j.t.Helper()
	outcomes := []string{"failed", "unreadable", "not started"}
	if err := j.socket.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		j.t.Fatal(err)
	}
	buffer := make([]byte, 1<<20)
	for !enough() {
		n, err := j.socket.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			j.t.Fatalf("waited in vain until %s: %q", what, j.records)
		} else if err != nil {
			j.t.Fatal(err)
		}
		record, err := parseJournal(buffer[:n])
		if err != nil {
			j.t.Fatalf("journald could not read %q: %v", buffer[:n], err)
		}
		j.records = append(j.records, record)
		for name := range record {
			if !fieldOfOurs.MatchString(name) {
				j.t.Errorf("the field %q in %q", name, record)
			}
		}
		if outcome, ok := record["GORDON_OUTCOME"]; ok && !slices.Contains(outcomes, outcome) {
			j.t.Errorf("the outcome %q in %q", outcome, record)
		}
	}
}
