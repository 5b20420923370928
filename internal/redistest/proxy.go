package redistest

import (
	"bytes"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Fault is a moment at which the proxy loses a connection.
type Fault int

const (
	// None passes everything on.
	None Fault = iota
	// BeforeRequest loses the request: the server never sees it.
	BeforeRequest
	// BeforeAnswer lets the server carry out the request and loses its answer.
	BeforeAnswer
	// LateRequest loses the connection for the client. The server gets the request
	// when [Proxy.DeliverLate] is called, as a stopped server that continues finds it
	// in its socket.
	LateRequest
	// HalfClosed hands the request to the server and closes the direction to the
	// client alone: it reads the end of the stream and may go on writing.
	HalfClosed
	// Blackhole swallows the request and all that follows, in both directions;
	// both connections stay up, as behind a firewall that has forgotten them.
	Blackhole
)

// Proxy is a proxy between a client and a Server.
type Proxy struct {
	// Socket is the path of the socket for clients.
	Socket   string
	upstream string
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool // whether it is the server's side
	deaf   map[net.Conn]bool // server sides that outlive their client
	lost   map[net.Conn]bool // client sides that hear nothing any more
	decide func(request []byte) Fault
	delay  time.Duration
	rate   int // bytes/s of each connection in each direction; 0 = unbounded
	mute   bool
	late   map[net.Conn]*lateRequest // by server side
}

type lateRequest struct {
	request  []byte
	answered chan bool // one value: whether an answer came, or else the end
}

// NewProxy starts a proxy that ends with the test.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	// Not t.TempDir: with a long test name the path outgrows unix(7)'s 108 bytes.
	dir, err := os.MkdirTemp("", "gordon-proxy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "p")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Socket: path, upstream: s.Socket, listener: l, conns: make(map[net.Conn]bool), deaf: make(map[net.Conn]bool), late: make(map[net.Conn]*lateRequest), lost: make(map[net.Conn]bool)}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Decide sets what happens to each request from now on; nil passes all.
func (p *Proxy) Decide(f func(request []byte) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = f
}

// Delay delays each answer by d from now on.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Throttle limits each connection to this many bytes per second in each direction from
// now on; 0 removes the limit.
func (p *Proxy) Throttle(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// portion is how much of buf to pass on at once, for which a throttled connection
// then has to rest.
func (p *Proxy) portion(buf []byte) (_ []byte, rest func(n int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate == 0 || p.closed {
		return buf, func(int) {}
	}
	rate := p.rate
	return buf[:min(len(buf), max(rate/20, 1))], func(n int) { time.Sleep(time.Duration(n) * time.Second / time.Duration(rate)) }
}

// Mute drops all data in both directions, on old and new connections, until it is
// called with false. Connections that lost data stay silent.
func (p *Proxy) Mute(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = on
}

// Unplug mutes the proxy, and hides from the server that the clients of the existing
// connections end, as if their machine had lost its power.
func (p *Proxy) Unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
	for c, server := range p.conns {
		if server {
			p.deaf[c] = true
		}
	}
}

// FailOnce returns a function for Decide that meets the nth (from 1) request
// that holds word with fault.
func FailOnce(word string, nth int, fault Fault) func([]byte) Fault {
	return func(request []byte) Fault {
		if !bytes.Contains(request, []byte(word)) {
			return None
		}
		nth--
		if nth != 0 {
			return None
		}
		return fault
	}
}

// DeliverLate hands the server every request that was held back and returns
// how many of them it answered. A server that has dropped the connection in the
// meantime answers none.
func (p *Proxy) DeliverLate() (answered int) {
	p.mu.Lock()
	late := maps.Clone(p.late)
	p.mu.Unlock()
	for server, l := range late {
		_, _ = server.Write(l.request) // refused where the server dropped it
		if <-l.answered {
			answered++
		}
		p.mu.Lock()
		delete(p.late, server)
		p.mu.Unlock()
		p.forget(server)
	}
	return answered
}

// CutAll loses every connection there is.
func (p *Proxy) CutAll() { p.cut(false) }

// CutClients loses every connection for the client alone: the server goes on
// waiting for a peer that is gone, as when a cable is pulled.
func (p *Proxy) CutClients() { p.cut(true) }

func (p *Proxy) cut(clientsOnly bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, server := range p.conns {
		if server && clientsOnly {
			p.deaf[c] = true
			continue
		}
		c.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.upstream)
		if err != nil || !p.keep(client, false) || !p.keep(server, true) {
			client.Close()
			continue
		}
		p.wg.Go(func() { p.requests(client, server) })
		p.wg.Go(func() { p.answers(client, server) })
	}
}

// requests passes on what the client sends; a client sends each pipeline with
// one write, which the socket hands over in one or a few pieces.
func (p *Proxy) requests(client, server net.Conn) {
	defer p.forget(client)
	buf := make([]byte, 1<<20)
	for {
		buf, rest := p.portion(buf)
		n, err := client.Read(buf)
		rest(n)
		if err != nil {
			p.forget(server)
			return
		}
		switch p.fault(buf[:n]) {
		case None:
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		case BeforeRequest:
			p.forget(server)
			return
		case BeforeAnswer:
			p.forget(client) // first, so that the answer finds no one
			_, _ = server.Write(buf[:n])
			return // the server side is closed by answers, after the answer
		case HalfClosed:
			p.separate(client, server)
			_ = client.(*net.UnixConn).CloseWrite() // the other end may be gone
			_, _ = server.Write(buf[:n])
			_, _ = io.Copy(io.Discard, client)
			return
		case Blackhole:
			p.separate(client, server)
			_, _ = io.Copy(io.Discard, client)
			return
		case LateRequest:
			// The client side is closed on return; the server side stays open.
			p.mu.Lock()
			p.late[server] = &lateRequest{request: bytes.Clone(buf[:n]), answered: make(chan bool, 1)}
			p.mu.Unlock()
			return
		}
	}
}

// separate hides each side from the other: neither gets data or notices that the other
// has closed the connection.
func (p *Proxy) separate(client, server net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf[server] = true
	p.lost[client] = true
}

func (p *Proxy) answers(client, server net.Conn) {
	buf := make([]byte, 1<<20)
	for {
		buf, rest := p.portion(buf)
		n, err := server.Read(buf)
		rest(n)
		if l := p.lateOf(server); l != nil {
			l.answered <- err == nil
			return
		}
		if err != nil {
			p.forget(client)
			return
		}
		if p.hold(client) {
			continue
		}
		if _, err := client.Write(buf[:n]); err != nil {
			p.forget(server)
			return
		}
	}
}

// hold waits for the delay, which may change meanwhile, and reports whether the answer
// is lost.
func (p *Proxy) hold(client net.Conn) (lost bool) {
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		p.lost[client] = p.lost[client] || p.mute
		delay, lost := p.delay, p.lost[client]
		over := p.closed || time.Since(began) >= delay
		p.mu.Unlock()
		if over {
			return lost
		}
	}
}

func (p *Proxy) lateOf(server net.Conn) *lateRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.late[server]
}

func (p *Proxy) fault(request []byte) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mute {
		return Blackhole
	}
	if p.decide == nil {
		return None
	}
	return p.decide(request)
}

func (p *Proxy) keep(c net.Conn, server bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	p.conns[c] = server
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf[c] && !p.closed {
		return
	}
	delete(p.conns, c)
	c.Close()
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.listener.Close()
	p.wg.Wait()
}
