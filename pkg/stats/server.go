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
	// maxConnections is how many are served at once. Further ones wait, because tasks
	// need descriptors, too.
	maxConnections = 128
	closeTimeout   = time.Second // for requests in progress
)

// Options are the settings of the interface.
type Options struct {
	Interface   string // host:port to listen on; "" means none
	Pattern     string // of http.ServeMux; "" means "/"
	TLSCertFile string // PEM; with TLSKeyFile the server uses HTTPS
	TLSKeyFile  string // PEM
}

// Server serves the counters over HTTP. Its options can change while it runs, one
// Change at a time.
type Server struct {
	counters *Counters
	log      *slog.Logger
	changed  chan struct{} // want has changed

	mu      sync.Mutex  // guards the fields below
	want    *endpoint   // to be served; nil if none
	retired []*endpoint // to be closed; Run may not have served them
	closed  bool
}

// NewServer returns a server that does not listen yet; see Prepare.
func NewServer(c *Counters, log *slog.Logger) *Server {
	return &Server{counters: c, log: log, changed: make(chan struct{}, 1)}
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

// Run serves the endpoint that was committed last until ctx is done. Then it closes
// everything, waits for the end of it, and returns nil. If an endpoint fails, Run logs
// that and goes on: the statistics are no reason to stop tasks.
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
		case <-s.changed:
		}
	}
}

// take returns the endpoint to serve and, once, the endpoints to close.
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
	s.log.Error("the stats interface failed; a reload starts it again", "interface", e.name, "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == e {
		s.replace(nil)
	}
}

// Close stops listening and waits up to closeTimeout for the end of it. Run closes the
// server itself; Close is for a start that fails before Run. A second call does nothing.
// It implements io.Closer and returns nil.
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

// replace sets the endpoint to serve. The caller holds mu.
func (s *Server) replace(e *endpoint) {
	if s.want != nil && s.want != e {
		s.retired = append(s.retired, s.want)
	}
	s.want = e
}

// Change is an endpoint that has been bound but does not answer yet. Only the first
// call of Commit or Discard takes effect.
type Change struct {
	server   *Server
	endpoint *endpoint
	kept     bool     // endpoint is the current one
	serving  *serving // for endpoint
	once     sync.Once
}

// Prepare binds the address and reads the certificate of o. The current endpoint is not
// changed. Prepare fails if the address cannot be bound or the certificate cannot be
// read. If the server listens on the address already, the endpoint is kept.
func (s *Server) Prepare(o Options) (*Change, error) {
	if o.Interface == "" {
		return &Change{server: s}, nil
	}
	next, err := newServing(o, s.counters)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	current := s.want
	s.mu.Unlock()
	if current != nil && current.name == o.Interface {
		return &Change{server: s, endpoint: current, kept: true, serving: next}, nil
	}
	e, err := listen(o.Interface, s.log)
	if err != nil {
		return nil, fmt.Errorf("listening on the stats interface %q%s: %w", o.Interface, hint(current, o.Interface), err)
	}
	return &Change{server: s, endpoint: e, serving: next}, nil
}

// hint explains the one error that the address itself does not cause: the old address
// is closed only after the new one is bound, and "0.0.0.0:80" cannot be bound while
// "127.0.0.1:80" is.
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

// Commit starts the new endpoint and closes the old one.
func (c *Change) Commit() { c.once.Do(c.commit) }

func (c *Change) commit() {
	if c.endpoint != nil {
		c.endpoint.serving.Store(c.serving)
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
	case s.changed <- struct{}{}:
	default:
	}
}

// Discard closes the endpoint that Prepare has bound.
func (c *Change) Discard() { c.once.Do(c.discard) }

func (c *Change) discard() {
	if c.endpoint != nil && !c.kept {
		c.endpoint.shutdown()
	}
}
