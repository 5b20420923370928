package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// ids are the connections of a client that take entries or move them, and the one by
// which others see that it is there (see [Watch.Duty]), as the server numbers them. The
// record of the instance names them, so that who fences it needs not look at all clients
// of the server. The zero value is ready.
type ids struct {
	mu     sync.Mutex
	open   map[int64]struct{}
	closed map[int64]struct{} // since the record was renewed
}

func (s *ids) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *ids) opened(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open, s.closed = make(map[int64]struct{}), make(map[int64]struct{})
	}
	s.open[id] = struct{}{}
	delete(s.closed, id) // ids begin anew when the server does
}

// ended notes that the server does not serve a connection any more.
func (s *ids) ended(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[id]; ok {
		delete(s.open, id)
		s.closed[id] = struct{}{}
	}
}

func (s *ids) list() (open, closed []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.open)), slices.Sorted(maps.Keys(s.closed))
}

// forgot notes that these have left the record.
func (s *ids) forgot(closed []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range closed {
		delete(s.closed, id)
	}
}

// maxConnections bounds how many connections of one instance are believed: Redis takes
// 10,000 clients unless told otherwise.
const maxConnections = 1 << 16

// connectionsScript returns the ids on record, at most so many: whoever may write there
// must not decide how much memory gordon needs.
//
// KEYS: connections. ARGV: how many.
const connectionsScript = hashScript + `
local fields, ids = all(KEYS[1]), {}
for i = 1, math.min(#fields, 2 * ARGV[1]), 2 do
	if string.match(fields[i], '^%d+$') then ids[#ids + 1] = string.sub(fields[i], 1, 20) end
end
return ids`

// FenceInstance has the server drop every connection of an instance that is
// taken for dead. After a power cut, say, Redis does not know that its peer is
// gone: a BLMOVE that still waits there would take the next entry for nobody. It
// returns how many there were: an instance that lives after all comes back with new
// ones. So that nobody moves its entries meanwhile, that is noted first, for revival:
// another host that looks now finds no connections any more.
func (c *Conn) FenceInstance(k Keys, id string, revival time.Duration) (dropped int, err error) {
	clients, err := c.clientsOf(k, id)
	if err != nil {
		return 0, fmt.Errorf("find the connections of instance %s: %w", id, err)
	}
	if len(clients) == 0 {
		return 0, nil
	}
	if _, err := c.do("SET", k.Suspect(id), "", "PX", revival.Milliseconds()); err != nil {
		return 0, fmt.Errorf("note that instance %s is suspected: %w", id, err)
	}
	for _, client := range clients {
		// 0 is the answer for one that has gone meanwhile.
		n, err := redis.Int(c.do("CLIENT", "KILL", "ID", client))
		if err != nil {
			return dropped, err
		}
		dropped += n
	}
	return dropped, nil
}

// clientsOf returns the ids of an instance's connections that the server serves. Those
// on record are looked up by their id, which costs the server nothing for the others;
// ids begin anew when the server does, so the names decide. Without a record of them
// (Redis may have lost it) all clients are looked at.
func (c *Conn) clientsOf(k Keys, id string) (clients []string, err error) {
	ids, err := redis.Strings(c.do("EVAL", connectionsScript, 1, k.Connections(id), maxConnections))
	if err != nil {
		return nil, err
	}
	list := []any{"LIST"}
	if len(ids) > 0 {
		list = append(list, "ID")
		for _, id := range ids {
			list = append(list, id)
		}
	}
	lines, err := redis.String(c.do("CLIENT", list...))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(lines) {
		if client, ours := clientOf(line, clientName(id)+"/"); ours {
			clients = append(clients, client)
		}
	}
	return clients, nil
}

// clientOf returns the id of a line of CLIENT LIST, and whether its name begins
// with prefix (https://redis.io/docs/latest/commands/client-list/).
func clientOf(line, prefix string) (id string, named bool) {
	for field := range strings.FieldsSeq(line) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "id":
			id = value
		case "name":
			named = strings.HasPrefix(value, prefix)
		}
	}
	return id, named && id != ""
}

// fence has the server drop a lost connection together with whatever it has not
// yet read from it. Both commands go over one connection, hence to one run of
// the server, in which an id is never given twice: the name that was read
// belongs to the connection that is killed
// (https://redis.io/docs/latest/commands/client-kill/).
func (c *Conn) fence(lost ref) error {
	list, err := redis.String(c.do("CLIENT", "LIST", "ID", lost.id))
	if err != nil {
		return err
	}
	if !strings.Contains(list, " name="+lost.name+" ") {
		return nil // gone, or another server, or the same one after a restart
	}
	_, err = c.do("CLIENT", "KILL", "ID", lost.id)
	return err
}
