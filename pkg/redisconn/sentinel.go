package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Sentinel names the sentinels that know the address of the master
// (https://redis.io/docs/latest/develop/reference/sentinel-clients/).
type Sentinel struct {
	// Addresses are host:port each.
	Addresses []string
	// Master is the name under which they monitor it.
	Master string
	// Login is for the sentinels: they have users and passwords of their own.
	Login Login
}

// ErrNoMaster is wrapped if a sentinel answers that it does not know the master.
var ErrNoMaster = errors.New("the sentinel does not know this master")

// sentinels is the locator that asks sentinels.
type sentinels struct {
	Sentinel
	dialer *dialer

	mu sync.Mutex
	// answered is the sentinel that answered last.
	answered string
	// address is the last one that a [SentinelWatch] has heard of, "" before, and
	// changes how often that was a new one.
	address string
	changes int
	open    map[*Conn]struct{}
}

func (s *sentinels) String() string {
	return "master " + s.Master + " of sentinel " + strings.Join(s.Addresses, ", ")
}

// locate asks one sentinel after the other and returns the first answer. It begins with
// the one that answered last: that one is up, and if a [SentinelWatch] listens to it, it
// knows of a change that others may not have heard of yet. A master that was demoted
// since is also noticed by the first command that writes; see [Conn.Stale].
func (s *sentinels) locate(ctx context.Context, busy *Busy) (location, error) {
	order, changes := s.order()
	var errs []error
	for _, sentinel := range order {
		address, err := s.ask(ctx, sentinel, busy)
		if err == nil {
			s.heard(sentinel)
			return location{address, changes}, nil
		}
		errs = append(errs, fmt.Errorf("ask sentinel %s for master %s: %w", sentinel, s.Master, err))
	}
	return location{}, errors.Join(errs...)
}

// order returns the sentinels, the one that answered last first, and the number of
// changes so far.
func (s *sentinels) order() (addresses []string, changes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := max(slices.Index(s.Addresses, s.answered), 0)
	return slices.Concat(s.Addresses[at:], s.Addresses[:at]), s.changes
}

func (s *sentinels) heard(sentinel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = sentinel
}

// dial connects to one sentinel. It limits the time for one so that all of them together
// take no longer than two servers: on a network that swallows everything, the caller
// must not count as one that hangs.
func (s *sentinels) dial(ctx context.Context, sentinel string, busy *Busy) (redis.Conn, *progressConn, error) {
	timeout := s.dialer.commandTimeout
	each := min(timeout, 2*timeout/time.Duration(len(s.Addresses)))
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	return s.dialer.connect(ctx, target{network: "tcp", address: sentinel, login: s.Login, timeout: each, busy: busy})
}

// ask asks one sentinel for the address of the master.
func (s *sentinels) ask(ctx context.Context, sentinel string, busy *Busy) (address string, err error) {
	rc, _, err := s.dial(ctx, sentinel, busy)
	if err != nil {
		return "", err
	}
	defer func() { _ = rc.Close() }() // the question has been answered, or has failed
	parts, err := redis.Strings(rc.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Master))
	if errors.Is(err, redis.ErrNil) || err == nil && len(parts) != 2 {
		return "", ErrNoMaster
	}
	if err != nil {
		return "", Classify(err)
	}
	return net.JoinHostPort(parts[0], parts[1]), nil
}

// keep has a new connection closed when the master moves, and reports whether it has not
// moved since the location was found.
func (s *sentinels) keep(c *Conn, at location) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != at.changes && s.address != c.address {
		return false
	}
	if s.open == nil {
		s.open = make(map[*Conn]struct{})
	}
	s.open[c] = struct{}{}
	return true
}

func (s *sentinels) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// moved abandons at once every connection to another server than the one at address,
// even if a command is in flight there. Until the sentinels tell it, the old master goes
// on as one, for about 10 s, and everything that it does in that time is discarded.
//
// So it does no harm that a BLMOVE may be in flight, which the old master then carries
// out for a reader that is gone: the entry is still in the queue of the new master, and
// runs once. If the answer were read, the entry would run twice. And a result that may
// have been sent is sent again to the new master, as after any lost connection.
//
// The old master may become the master again without having been a replica. Then the
// entry is in a run list that is on record, like anything else that an older state of
// Redis brings back, and is found before that list is filled again.
func (s *sentinels) moved(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.address == address {
		return
	}
	s.address = address
	s.changes++
	for c := range s.open {
		if c.address != address {
			c.abandoned.Store(true)
			_ = c.netConn.Close() // the goroutine that uses it notices
		}
	}
}
