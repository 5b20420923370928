package store

import (
	"fmt"

	"github.com/gomodule/redigo/redis"
)

// What the two kinds of connections have in common that listen, those of [Watch]
// and of [SentinelWatch] (https://redis.io/docs/latest/develop/interact/pubsub/).

// subscribe has the connection hear what is published on these channels, and on
// nothing else from then on.
func subscribe(rc redis.Conn, channels ...any) error {
	if err := rc.Send("SUBSCRIBE", channels...); err != nil {
		return fmt.Errorf("send SUBSCRIBE: %w", err)
	}
	if err := rc.Flush(); err != nil {
		return fmt.Errorf("send SUBSCRIBE: %w", err)
	}
	for range channels {
		if _, err := rc.Receive(); err != nil {
			return fmt.Errorf("SUBSCRIBE: %w", typed(err))
		}
	}
	return nil
}

// sendPing asks for a sign of life; whoever receives gets it.
func sendPing(rc redis.Conn) error {
	if err := rc.Send("PING"); err != nil {
		return fmt.Errorf("send PING: %w", err)
	}
	if err := rc.Flush(); err != nil {
		return fmt.Errorf("send PING: %w", err)
	}
	return nil
}
