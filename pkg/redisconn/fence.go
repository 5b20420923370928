package redisconn

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gomodule/redigo/redis"
)

// idSet holds the ids of the announced connections of a client. The record of the
// instance names them, so that others who fence the instance need not look at all
// clients of the server. The zero value is ready.
type idSet struct {
	mu     sync.Mutex
	open   map[int64]struct{}
	closed map[int64]struct{} // since they were last forgotten
}

func (s *idSet) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *idSet) opened(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open, s.closed = make(map[int64]struct{}), make(map[int64]struct{})
	}
	s.open[id] = struct{}{}
	delete(s.closed, id) // a server that was restarted gives ids again
}

// ended notes that the server does not serve a connection any more.
func (s *idSet) ended(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[id]; ok {
		delete(s.open, id)
		s.closed[id] = struct{}{}
	}
}

func (s *idSet) list() (open, closed []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.open)), slices.Sorted(maps.Keys(s.closed))
}

func (s *idSet) forget(closed []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range closed {
		delete(s.closed, id)
	}
}

// fence has the server close a lost connection and discard whatever it has not yet read
// from it. Both commands go over one connection, hence to one run of the server, in
// which an id is never given twice: the name that was read belongs to the connection
// that is killed (https://redis.io/docs/latest/commands/client-kill/).
func (c *Conn) fence(lost ref) error {
	list, err := redis.String(c.Do("CLIENT", "LIST", "ID", lost.id))
	if err != nil {
		return err
	}
	if !strings.Contains(list, " name="+lost.name+" ") {
		return nil // gone, or another server, or the same one after a restart
	}
	_, err = c.Do("CLIENT", "KILL", "ID", lost.id)
	return err
}
