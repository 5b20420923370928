package redisconn

import (
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Subscribe has the connection receive what is published on these channels, and nothing
// else from then on (https://redis.io/docs/latest/develop/interact/pubsub/).
func (c *Conn) Subscribe(channels ...any) error { return subscribe(c.rc, channels...) }

// Receive waits for the next message, for at most silence. Another goroutine may call
// SendPing meanwhile. Before the first Receive in a goroutine of its own, Detach ends
// what the connection reports to the [Busy] of the goroutine that made it.
func (c *Conn) Receive(silence time.Duration) (any, error) {
	reply, err := redis.ReceiveWithTimeout(c.rc, silence)
	return reply, Classify(err)
}

// Detach has the connection set no [Busy] any more.
func (c *Conn) Detach() { c.netConn.detach() }

// SendPing asks for a sign of life, which Receive returns.
func (c *Conn) SendPing() error {
	c.busy.within(c.client.opts.CommandTimeout)
	return sendPing(c.rc)
}

func subscribe(rc redis.Conn, channels ...any) error {
	if err := rc.Send("SUBSCRIBE", channels...); err != nil {
		return fmt.Errorf("send SUBSCRIBE: %w", err)
	}
	if err := rc.Flush(); err != nil {
		return fmt.Errorf("send SUBSCRIBE: %w", err)
	}
	for range channels {
		if _, err := rc.Receive(); err != nil {
			return fmt.Errorf("SUBSCRIBE: %w", Classify(err))
		}
	}
	return nil
}

func sendPing(rc redis.Conn) error {
	if err := rc.Send("PING"); err != nil {
		return fmt.Errorf("send PING: %w", err)
	}
	if err := rc.Flush(); err != nil {
		return fmt.Errorf("send PING: %w", err)
	}
	return nil
}
