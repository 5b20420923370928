package netlimit

import (
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen returns a listener for two connections, and the connections that it accepts.
func listen(t *testing.T) (*Listener, <-chan net.Conn, <-chan error) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(inner, 2)
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	return l, accepted, ended
}

func dial(t *testing.T, l *Listener) {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}

func TestFurtherConnectionsWaitForAPlace(t *testing.T) {
	l, accepted, ended := listen(t)
	for range 3 {
		dial(t, l)
	}
	first, second := <-accepted, <-accepted
	if !l.Crowded() {
		t.Error("not crowded with every place taken")
	}
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	case <-time.After(50 * time.Millisecond): // nothing tells that nothing will happen
	}
	first.Close()
	first.Close() // gives back one place, not two
	third := <-accepted
	second.Close()
	third.Close()
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if n := len(l.places); n != 0 {
		t.Errorf("%d places are still taken", n)
	}
}

func TestCloseEndsAWaitForAPlace(t *testing.T) {
	l, accepted, ended := listen(t)
	for range 2 {
		dial(t, l)
		defer (<-accepted).Close()
	}
	l.Close()
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
