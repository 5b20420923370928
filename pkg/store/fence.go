package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// maxConnections limits how many connections of one instance are read from its record.
// By default Redis accepts 10,000 clients.
const maxConnections = 1 << 16

// connectionsScript returns the ids of the connections that are on record for an
// instance. It limits their number and length: those who may write there must not decide
// how much memory Gordon needs.
//
// KEYS:
//  1. the connections
//
// ARGV:
//  1. the maximum number of ids
//
// It returns {id, …}.
const connectionsScript = hashScript + `
local fields, ids = all(KEYS[1]), {}
for i = 1, math.min(#fields, 2 * ARGV[1]), 2 do
	if string.match(fields[i], '^%d+$') then ids[#ids + 1] = string.sub(fields[i], 1, 20) end
end
return ids`

// FenceInstance has the server close every connection of an instance that is taken for
// dead. After a power failure, for example, Redis does not know that its peer is gone: a
// BLMOVE that still waits there would take the next entry for nobody. It returns how many
// connections there were: an instance that lives after all comes back with new ones.
//
// Until revival is over, nobody moves the entries of the instance. That is noted first,
// because another host that looks now finds no connections any more.
func (c *Conn) FenceInstance(k Keys, instance string, revival time.Duration) (closed int, err error) {
	clients, err := c.clientsOf(k, instance)
	if err != nil {
		return 0, fmt.Errorf("find the connections of instance %s: %w", instance, err)
	}
	if len(clients) == 0 {
		return 0, nil
	}
	if _, err := c.conn.Do("SET", k.Suspect(instance), "", "PX", revival.Milliseconds()); err != nil {
		return 0, fmt.Errorf("mark instance %s as suspected dead: %w", instance, err)
	}
	for _, client := range clients {
		// 0 is the answer for a client that has gone meanwhile.
		n, err := redis.Int(c.conn.Do("CLIENT", "KILL", "ID", client))
		if err != nil {
			return closed, err
		}
		closed += n
	}
	return closed, nil
}

// clientsOf returns the ids of an instance's connections that the server serves. It looks
// up those on record by their id, so that the server need not look at the clients of
// others. The names decide, because a server that was restarted gives ids again. If there
// is no record of the connections (Redis may have lost it), it looks at all clients.
func (c *Conn) clientsOf(k Keys, instance string) (clients []string, err error) {
	ids, err := redis.Strings(c.conn.Do("EVAL", connectionsScript, 1, k.Connections(instance), maxConnections))
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
	lines, err := redis.String(c.conn.Do("CLIENT", list...))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(lines) {
		if client, ours := clientOf(line, redisconn.NamePrefix(instance)); ours {
			clients = append(clients, client)
		}
	}
	return clients, nil
}

// clientOf returns the id in a line of CLIENT LIST, and whether the name of that client
// begins with prefix (https://redis.io/docs/latest/commands/client-list/).
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

// livesScript looks whether an instance may live. The scripts that move its entries look
// again, in the same step.
//
// KEYS:
//  1. the lease
//  2. the suspect
//
// ARGV:
//  1. "1" if the process of the instance is certainly dead
//
// It returns 1 if the instance may live, else 0.
const livesScript = `
if ARGV[1] ~= '1' and redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
return redis.call('EXISTS', KEYS[2])`

// Lives reports whether an instance may live: it has renewed its lease in time, unless
// its process is certainly dead, or [Conn.FenceInstance] has closed connections of it a
// short time ago, on any host.
func (c *Conn) Lives(k Keys, instance string, certain bool) (bool, error) {
	lives, err := redis.Bool(c.conn.Do("EVAL", livesScript, 2, k.Lease(instance), k.Suspect(instance), flag(certain)))
	if err != nil {
		return false, fmt.Errorf("check the lease of instance %s: %w", instance, err)
	}
	return lives, nil
}
