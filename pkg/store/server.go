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
}

// Server asks the server about itself and refuses one that is too old
// ([ErrOldServer]).
func (c *Conn) Server() (Server, error) {
	replies, err := c.pipeline([]call{{"INFO", []any{"server"}}, {"INFO", []any{"memory"}}})
	if err != nil {
		return Server{}, err
	}
	var text strings.Builder
	for _, r := range replies {
		s, err := redis.String(r, nil)
		if err != nil {
			return Server{}, fmt.Errorf("INFO: %w", typed(err))
		}
		text.WriteString(s)
	}
	info := parseInfo(text.String())
	s := Server{Version: info["redis_version"], MaxmemoryPolicy: info["maxmemory_policy"]}
	if !atLeast(s.Version, 6, 2) {
		return s, fmt.Errorf("the server at %s is version %q: %w", c.client, s.Version, ErrOldServer)
	}
	return s, nil
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
