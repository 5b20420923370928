package redisconn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// dribble passes on size bytes in pieces, with a pause after each, and then stops
// without closing.
func dribble(w io.Writer, size, piece int, pause time.Duration) {
	for ; size > 0; size -= piece {
		if _, err := w.Write(make([]byte, min(piece, size))); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// A large entry over a slow network takes longer than any time-out. It must not count as
// silence. Silence must.
func TestSlowIsNotSilent(t *testing.T) { synctest.Test(t, slowIsNotSilent) }

func slowIsNotSilent(t *testing.T) {
	const size, silence = 64 << 10, 100 * time.Millisecond
	near, far := net.Pipe()
	defer near.Close()
	go dribble(far, size, 4<<10, 20*time.Millisecond) // 16 pieces: over 300 ms
	var busy Busy
	p := &progressConn{Conn: near, silence: silence, busy: &busy}
	if err := p.SetReadDeadline(time.Now().Add(silence)); err != nil {
		t.Fatal(err)
	}
	began, until := time.Now(), busy.Until()
	if _, err := io.ReadFull(p, make([]byte, size)); err != nil {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	if took := time.Since(began); took < 2*silence {
		t.Fatalf("this was too fast to show anything: %v", took)
	}
	if stretch := busy.Until().Sub(until); stretch < silence {
		t.Errorf("while bytes moved, it has become busy for only %v more", stretch)
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence gives %v", err)
	}
	far.Close()
}

func TestSlowReadersAreWaitedFor(t *testing.T) { synctest.Test(t, slowReadersAreWaitedFor) }

func slowReadersAreWaitedFor(t *testing.T) {
	const silence = 100 * time.Millisecond
	near, far := net.Pipe()
	defer near.Close()
	want := bytes.Repeat([]byte("0123456789"), portion/2) // 5 portions
	received := make(chan []byte, 1)
	go func() {
		var got []byte
		buf := make([]byte, portion)
		for len(got) < len(want) {
			n, err := io.ReadFull(far, buf[:min(portion, len(want)-len(got))])
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
			time.Sleep(silence * 6 / 10)
		}
		received <- got
	}()
	p := &progressConn{Conn: near, silence: silence}
	if err := p.SetWriteDeadline(time.Now().Add(silence)); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Write(want); n != len(want) || err != nil {
		t.Fatalf("%d of %d: %v", n, len(want), err)
	}
	if !bytes.Equal(<-received, want) {
		t.Error("other bytes have arrived")
	}
	if err := p.SetWriteDeadline(time.Now().Add(silence)); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Write(want); n == len(want) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody reads, but %d were written: %v", n, err)
	}
	far.Close()
}

// Redigo may set a deadline in a goroutine that it does not wait for. After the
// connection is closed, nobody would take that back.
func TestAClosedConnectionIsNotBusy(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	var busy Busy
	p := &progressConn{Conn: near, silence: time.Second, busy: &busy}
	if err := p.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if busy.Until().IsZero() {
		t.Error("a deadline does not make it busy")
	}
	busy.Rest()
	p.Close()
	_ = p.SetReadDeadline(time.Now().Add(time.Hour)) // as the pipe is closed, this fails
	if until := busy.Until(); !until.IsZero() {
		t.Errorf("it is busy until %v", until)
	}
}
