package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Server is what gordon needs to know of the Redis that it talks to.
type Server struct {
	// Version is redis_version: Valkey says 7.2.4 there, whatever its own.
	Version string
	// MaxmemoryPolicy is what Redis does when its memory is full.
	MaxmemoryPolicy string
	// Cluster says that this is a node of a cluster.
	Cluster bool
	// Clients is how many connections there are, and MaxClients how many there may be;
	// 0 if the server does not say so.
	Clients, MaxClients int
}

// needed are the commands that gordon calls, in its scripts too, each with a wrong
// number of arguments: a server that has the command refuses it for that, before it
// looks at any right, and does nothing.
func needed() []call {
	var calls []call
	for name := range strings.FieldsSeq("BLMOVE CLIENT DEL EVAL EXISTS EXPIRE HDEL HGET HGETALL HSET INFO LINDEX LLEN LMOVE LTRIM " +
		"PERSIST PUBSUB RPUSH SADD SET SMEMBERS SREM SUBSCRIBE TTL ZADD ZRANGE ZREM") {
		calls = append(calls, call{name: name})
	}
	for name := range strings.FieldsSeq("EXEC MULTI PING TIME") {
		calls = append(calls, call{name, []any{"too", "many", "arguments"}})
	}
	return calls
}

// Server asks the server about itself and refuses one that is too old
// ([ErrOldServer]) or lacks a command ([ErrMissing]).
func (c *Conn) Server() (Server, error) {
	sections := []call{{"INFO", []any{"server"}}, {"INFO", []any{"memory"}}, {"INFO", []any{"clients"}}}
	probes := needed()
	replies, err := c.pipeline(append(sections, probes...))
	if err != nil {
		return Server{}, err
	}
	s, err := parseServer(replies[:len(sections)])
	if err == nil && !atLeast(s.Version, 6, 2) {
		return s, fmt.Errorf("the server at %s is version %q: %w", c.client, s.Version, ErrOldServer)
	}
	var missing []string
	for i, reply := range replies[len(sections):] {
		if refused, ok := reply.(redis.Error); ok && strings.HasPrefix(string(refused), "ERR unknown command") {
			missing = append(missing, probes[i].name)
		}
	}
	if len(missing) > 0 {
		return s, fmt.Errorf("%w: %s", ErrMissing, strings.Join(missing, ", "))
	}
	return s, err
}

// parseServer reads the sections of INFO.
func parseServer(replies []any) (Server, error) {
	var text strings.Builder
	for _, r := range replies {
		s, err := redis.String(r, nil)
		if err != nil {
			return Server{}, fmt.Errorf("INFO: %w", typed(err))
		}
		text.WriteString(s)
	}
	info := parseInfo(text.String())
	s := Server{Version: info["redis_version"], MaxmemoryPolicy: info["maxmemory_policy"], Cluster: info["redis_mode"] == "cluster"}
	s.Clients, _ = strconv.Atoi(info["connected_clients"])
	s.MaxClients, _ = strconv.Atoi(info["maxclients"])
	return s, nil
}

// HashTag reports whether all keys with this prefix are in one slot of a cluster: it
// has a part in braces that is not empty
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags).
func (k Keys) HashTag() bool {
	_, tag, open := strings.Cut(k.Prefix, "{")
	tag, _, closed := strings.Cut(tag, "}")
	return open && closed && tag != ""
}

// parseInfo reads the lines key:value of INFO
// (https://redis.io/docs/latest/commands/info/).
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			info[key] = value
		}
	}
	return info
}

func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	if errA != nil || errB != nil {
		return false
	}
	return a > major || a == major && b >= minor
}
