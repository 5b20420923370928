package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// Server is what Gordon needs to know about its Redis.
type Server struct {
	// Version is redis_version: Valkey has 7.2.4 there, whatever its own version is.
	Version string
	// MaxmemoryPolicy is what Redis does when its memory is full.
	MaxmemoryPolicy string
	// Cluster is set if this is a node of a cluster.
	Cluster bool
	// Clients is the number of connections, and MaxClients the maximum; 0 if the server
	// does not report it.
	Clients, MaxClients int
}

// ErrOldServer is wrapped by the error for a server without BLMOVE.
var ErrOldServer = errors.New("gordon needs Redis 6.2 or newer, or Valkey")

// ErrMissing is wrapped by the error for a server without a command that Gordon needs.
var ErrMissing = errors.New("this server lacks commands that gordon needs, or renames them (rename-command)")

// probes are the commands that Gordon calls, in its scripts too, each with a wrong number
// of arguments. A server that has the command refuses it for that reason, before it looks
// at any right, and does nothing.
func probes() []redisconn.Call {
	var calls []redisconn.Call
	for name := range strings.FieldsSeq("BLMOVE CLIENT DEL EVAL EXISTS EXPIRE HDEL HGET HGETALL HSET INFO LINDEX LLEN LMOVE LTRIM " +
		"PERSIST PUBSUB RPUSH SADD SET SMEMBERS SREM SUBSCRIBE TTL ZADD ZRANGE ZREM") {
		calls = append(calls, call(name))
	}
	for name := range strings.FieldsSeq("EXEC MULTI PING TIME") {
		calls = append(calls, call(name, "too", "many", "arguments"))
	}
	return calls
}

// Server asks the server about itself. It refuses a server that is too old
// ([ErrOldServer]) or lacks a command ([ErrMissing]).
func (c *Conn) Server() (Server, error) {
	sections := []redisconn.Call{call("INFO", "server"), call("INFO", "memory"), call("INFO", "clients")}
	probes := probes()
	replies, err := c.conn.Pipeline(append(sections, probes...)...)
	if err != nil {
		return Server{}, err
	}
	s, err := parseServer(replies[:len(sections)])
	if err == nil && !atLeast(s.Version, 6, 2) {
		return s, fmt.Errorf("the server at %s is version %q: %w", c.conn.Client(), s.Version, ErrOldServer)
	}
	var missing []string
	for i, reply := range replies[len(sections):] {
		if refused, ok := reply.(redis.Error); ok && strings.HasPrefix(string(refused), "ERR unknown command") {
			missing = append(missing, probes[i].Name)
		}
	}
	if len(missing) > 0 {
		return s, fmt.Errorf("%w: %s", ErrMissing, strings.Join(missing, ", "))
	}
	return s, err
}

// ServerRun returns the run of the server; see [Renewal.Server].
func (c *Conn) ServerRun() (string, error) {
	text, err := redis.String(c.conn.Do("INFO", "server"))
	return parseInfo(text)["run_id"], err
}

// parseServer parses sections of INFO.
func parseServer(replies []any) (Server, error) {
	var text strings.Builder
	for _, r := range replies {
		s, err := redis.String(r, nil)
		if err != nil {
			return Server{}, fmt.Errorf("INFO: %w", redisconn.Classify(err))
		}
		text.WriteString(s)
	}
	info := parseInfo(text.String())
	s := Server{Version: info["redis_version"], MaxmemoryPolicy: info["maxmemory_policy"], Cluster: info["redis_mode"] == "cluster"}
	s.Clients, _ = strconv.Atoi(info["connected_clients"])
	s.MaxClients, _ = strconv.Atoi(info["maxclients"])
	return s, nil
}

// parseInfo parses the lines key:value of INFO
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
