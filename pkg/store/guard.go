package store

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// ErrProtocol is wrapped by the error for answers that Redis does not give.
var ErrProtocol = errors.New("this is not what redis answers")

// Redigo believes what an answer says of its own length, and allocates that at
// once: a few bytes from whatever listens on the port would end the daemon.
const (
	maxElements = 1 << 20 // of all arrays that have begun
	maxDepth    = 8       // of arrays in arrays; gordon's scripts need two
	maxHead     = 32      // bytes of a line that says a length
)

// guard is a connection whose answers are looked at before redigo reads them
// (https://redis.io/docs/latest/develop/reference/protocol-spec/, RESP2).
type guard struct {
	net.Conn
	bulk  int    // bytes of a string that are still to come, with its CRLF
	head  []byte // beginning of a line that has not ended
	last  byte   // the last byte of that line so far
	left  []int  // elements that are still to come, of each array that has begun
	wrong error  // nothing is passed on after it
}

// Read implements net.Conn. It passes nothing on from where it stops to
// understand.
func (g *guard) Read(b []byte) (int, error) {
	if g.wrong != nil {
		return 0, g.wrong
	}
	n, err := g.Conn.Read(b)
	if g.wrong = g.look(b[:n]); g.wrong != nil {
		return 0, g.wrong
	}
	return n, err
}

// kinds are the first bytes of all answers in RESP2.
const kinds = "+-:$*"

// stranger is for an answer that is none: of another server, in its own words.
func stranger(b []byte) error {
	who := fmt.Sprintf("it begins with %.20q", b)
	switch {
	case bytes.HasPrefix(b, []byte("HTTP/")):
		who = "this is an HTTP server"
	case b[0] == tlsAlert:
		who = "this server speaks TLS: set enabled = true in [redis.tls]"
	}
	return fmt.Errorf("%w: %s", ErrProtocol, who)
}

// tlsAlert is the first byte of what a TLS server answers to somebody who does not
// speak TLS (RFC 8446, section 5.1).
const tlsAlert = 21

func (g *guard) look(b []byte) error {
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
			return stranger(b)
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
			return fmt.Errorf("%w: a line without its end: %.20q", ErrProtocol, g.head)
		}
		if err := g.line(bytes.TrimSuffix(g.head, []byte("\r"))); err != nil {
			return err
		}
		g.head = g.head[:0]
	}
	return nil
}

// line handles a line that has ended; of a long one it has the beginning.
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
	case len(g.left) == maxDepth || n > maxElements-g.begun():
		return fmt.Errorf("%w: %d elements, %d arrays deep", ErrProtocol, n, len(g.left))
	case n == 0:
		g.element()
	default:
		g.left = append(g.left, n)
	}
	return nil
}

// begun is how many elements are still to come.
func (g *guard) begun() (n int) {
	for _, left := range g.left {
		n += left
	}
	return n
}

// element notes the end of an answer or of an element, and of every array of
// which it was the last.
func (g *guard) element() {
	for i := range slices.Backward(g.left) {
		g.left[i]--
		if g.left[i] > 0 {
			return
		}
		g.left = g.left[:i]
	}
}
