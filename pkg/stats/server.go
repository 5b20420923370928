package stats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	readHeaderTimeout = 2 * time.Second
	requestTimeout    = 5 * time.Second
	idleTimeout       = time.Minute
	maxHeaderBytes    = 16 << 10
	// maxConnections is how many are served at once; further ones wait. Tasks
	// need descriptors, too.
	maxConnections = 128
	closeTimeout   = time.Second // for requests that are being answered
)

// Options describes the interface.
type Options struct {
	Interface   string // host:port to listen on; "" means none
	Pattern     string // of http.ServeMux; "" means "/"
	TLSCertFile string // PEM; with TLSKeyFile the interface speaks HTTPS
	TLSKeyFile  string // PEM
}

// Server serves the counters over HTTP. Its address and manners can change
// while it runs, one Change at a time.
type Server struct {
	counters *Counters
	log      *slog.Logger
	poke     chan struct{} // want has changed

	mu      sync.Mutex  // guards what follows
	want    *endpoint   // to be served; nil: none
	retired []*endpoint // to be closed; Run may never have seen them
	closed  bool
}

// NewServer returns a server that does not listen yet; see Prepare.
func NewServer(c *Counters, log *slog.Logger) *Server {
	return &Server{counters: c, log: log, poke: make(chan struct{}, 1)}
}

// Addr returns the address that the server listens on, or nil.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == nil {
		return nil
	}
	return s.want.listener.Addr()
}

// Run serves what has been committed, and what will be, until ctx is done. It
// then closes everything, waits for it, and returns nil. When an interface
// fails while it is being served that is logged: it is no reason to stop tasks.
func (s *Server) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	var serving *endpoint
	for {
		want, retired := s.take()
		for _, e := range retired {
			running.Go(e.shutdown)
		}
		if want != nil && want != serving {
			running.Go(func() { s.serve(want) })
		}
		serving = want
		select {
		case <-ctx.Done():
			return s.Close()
		case <-s.poke:
		}
	}
}

// take returns what is to be served and, once, what is to be closed.
func (s *Server) take() (want *endpoint, retired []*endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	retired, s.retired = s.retired, nil
	return s.want, retired
}

func (s *Server) serve(e *endpoint) {
	err := e.server.Serve(e)
	if errors.Is(err, http.ErrServerClosed) {
		return
	}
	s.log.Error("the stats interface has failed; a reload opens it again", "interface", e.name, "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == e {
		s.replace(nil)
	}
}

// Close stops listening and waits for it, a second at most. Run does it at its
// end; it is for a start that fails before Run is reached, and does nothing more
// when called again. It implements io.Closer and returns nil.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.replace(nil)
	s.mu.Unlock()
	_, retired := s.take()
	var closing sync.WaitGroup
	for _, e := range retired {
		closing.Go(e.shutdown)
	}
	closing.Wait()
	return nil
}

// replace changes what is to be served. The caller holds mu.
func (s *Server) replace(e *endpoint) {
	if s.want != nil && s.want != e {
		s.retired = append(s.retired, s.want)
	}
	s.want = e
}

// Change is an interface that has been bound but does not answer yet. Exactly
// one of Commit and Discard takes effect.
type Change struct {
	server   *Server
	endpoint *endpoint
	kept     bool     // endpoint is the one of before
	manners  *manners // for endpoint
	once     sync.Once
}

// Prepare makes ready what o describes and leaves what is served now as it is.
// It fails when the address can't be bound or the certificate can't be read. An
// address that is listened on already is kept.
func (s *Server) Prepare(o Options) (*Change, error) {
	if o.Interface == "" {
		return &Change{server: s}, nil
	}
	m, err := newManners(o, s.counters)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	current := s.want
	s.mu.Unlock()
	if current != nil && current.name == o.Interface {
		return &Change{server: s, endpoint: current, kept: true, manners: m}, nil
	}
	e, err := listen(o.Interface, s.log)
	if err != nil {
		return nil, fmt.Errorf("listening on the stats interface %q%s: %w", o.Interface, hint(current, o.Interface), err)
	}
	return &Change{server: s, endpoint: e, manners: m}, nil
}

// hint explains the one fault that is not the fault of the address itself: the
// old address is closed only when the new one is bound, and "0.0.0.0:80" can't
// be bound beside "127.0.0.1:80".
func hint(current *endpoint, address string) string {
	if current == nil {
		return ""
	}
	_, oldPort, oldErr := net.SplitHostPort(current.name)
	_, newPort, newErr := net.SplitHostPort(address)
	if oldErr != nil || newErr != nil || oldPort != newPort {
		return ""
	}
	return fmt.Sprintf(" (a move from %q on the same port needs a restart)", current.name)
}

// Commit lets the new interface answer and closes the old one.
func (c *Change) Commit() { c.once.Do(c.commit) }

func (c *Change) commit() {
	if c.endpoint != nil {
		c.endpoint.manners.Store(c.manners)
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.discard()
		return
	}
	s.replace(c.endpoint)
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// Discard releases what Prepare has bound.
func (c *Change) Discard() { c.once.Do(c.discard) }

func (c *Change) discard() {
	if c.endpoint != nil && !c.kept {
		c.endpoint.shutdown()
	}
}
