package redisconn

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// ErrProtocol is wrapped by the error for an answer that Redis does not give.
var ErrProtocol = errors.New("not a redis response")

// MaxString is the maximum length of a string in a request or an answer, in bytes: the
// default of "proto-max-bulk-len" in redis.conf. Redis closes a connection on which a
// longer one comes.
const MaxString = 512 << 20

// Redigo trusts the lengths in an answer, and allocates that much at once: a few bytes
// from another server on the port would crash the daemon.
const (
	maxElements = 1 << 20 // of all arrays that have begun
	maxDepth    = 8       // of arrays in arrays; Gordon's scripts need two
	maxHead     = 32      // bytes of a line that holds a length
)

// guard is a connection that parses answers before redigo reads them
// (https://redis.io/docs/latest/develop/reference/protocol-spec/, RESP2).
type guard struct {
	net.Conn
	bulk    int    // bytes of a string that are still to come, with its CRLF
	head    []byte // beginning of a line that has not ended
	last    byte   // the last byte of that line so far
	pending []int  // elements that are still to come, of each array that has begun
	err     error  // the end: nothing is read after it
}

// Read implements net.Conn. It stops at the first byte it cannot parse.
func (g *guard) Read(b []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.Conn.Read(b)
	if g.err = g.parse(b[:n]); g.err != nil {
		return 0, g.err
	}
	return n, err
}

// kinds are the first bytes of all answers in RESP2.
const kinds = "+-:$*"

// foreign is the error for the first bytes of an answer of another kind of server.
func foreign(b []byte) error {
	kind := fmt.Sprintf("it begins with %.20q", b)
	switch {
	case bytes.HasPrefix(b, []byte("HTTP/")):
		kind = "this is an HTTP server"
	case b[0] == tlsAlert:
		kind = "this server requires TLS: set enabled = true in [redis.tls]"
	}
	return fmt.Errorf("%w: %s", ErrProtocol, kind)
}

// tlsAlert is the first byte of the answer of a TLS server to a client that does not
// speak TLS (RFC 8446, section 5.1).
const tlsAlert = 21

func (g *guard) parse(b []byte) error {
	for len(b) > 0 {
		if g.bulk > 0 {
			n := min(g.bulk, len(b))
			g.bulk -= n
			b = b[n:]
			if g.bulk == 0 {
				g.element()
			}
			continue
		}
		if len(g.head) == 0 && strings.IndexByte(kinds, b[0]) < 0 {
			return foreign(b)
		}
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if len(line) > 0 {
			g.last = line[len(line)-1]
		}
		g.head = append(g.head, line[:min(len(line), maxHead-len(g.head))]...)
		if !ended {
			return nil
		}
		b = rest
		if g.last != '\r' {
			return fmt.Errorf("%w: a line without a terminator: %.20q", ErrProtocol, g.head)
		}
		if err := g.line(bytes.TrimSuffix(g.head, []byte("\r"))); err != nil {
			return err
		}
		g.head = g.head[:0]
	}
	return nil
}

// line handles a complete line; of a long one, line holds the beginning.
func (g *guard) line(line []byte) error {
	if len(line) == 0 || line[0] != '$' && line[0] != '*' {
		g.element()
		return nil
	}
	n, err := strconv.Atoi(string(line[1:]))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %q", ErrProtocol, line)
	case n < 0:
		g.element()
	case line[0] == '$' && n > MaxString:
		return fmt.Errorf("%w: a string of %d bytes", ErrProtocol, n)
	case line[0] == '$':
		g.bulk = n + len("\r\n")
	case len(g.pending) == maxDepth || n > maxElements-g.elements():
		return fmt.Errorf("%w: %d elements, %d arrays deep", ErrProtocol, n, len(g.pending))
	case n == 0:
		g.element()
	default:
		g.pending = append(g.pending, n)
	}
	return nil
}

// elements is the number of elements that are still to come.
func (g *guard) elements() (n int) {
	for _, pending := range g.pending {
		n += pending
	}
	return n
}

// element notes the end of an answer or of an element, and of every array of which it
// was the last element.
func (g *guard) element() {
	for i := range slices.Backward(g.pending) {
		g.pending[i]--
		if g.pending[i] > 0 {
			return
		}
		g.pending = g.pending[:i]
	}
}
