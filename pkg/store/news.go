package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// News is what a watch has received.
type News struct {
	// Change is what has to be read again; nil for nothing.
	Change *Change
	// Order is an order that somebody has published.
	Order *Order
	// Malformed is a message that is no order, for the log.
	Malformed []byte
}

// Order is a message on the channel [Keys.Control], a JSON object.
type Order struct {
	// Cancel names a task: by its id, or by the id that its entry was given.
	Cancel string `json:"cancel"`
}

// Change is the part of Redis that may have changed since it was read.
type Change struct {
	// All is for everything, as after FLUSHALL.
	All bool
	// Paused, Duty and Instances are for the keys of these names.
	Paused, Duty, Instances bool
	// Delayed are the types whose entries for later have changed.
	Delayed []string
}

// parseChange parses the keys of an invalidation; nil is for all keys.
func (k Keys) parseChange(reply any) (c Change, err error) {
	if reply == nil {
		return Change{All: true}, nil
	}
	changed, err := redis.Strings(reply, nil)
	for _, key := range changed {
		switch key {
		case k.Paused():
			c.Paused = true
		case k.Duty():
			c.Duty = true
		case k.Instances():
			c.Instances = true
		default:
			if t, ok := strings.CutPrefix(key, k.Queue("")); ok {
				c.Delayed = append(c.Delayed, strings.TrimSuffix(t, delayedSuffix))
			}
		}
	}
	return c, err
}

// Next waits for news, for at most silence. If nothing at all comes in that time, not
// even the answer to a Ping, the connection counts as lost. It may run beside the other
// methods. Close ends it.
func (w *Watch) Next(silence time.Duration) (News, error) {
	reply, err := w.subscriber.conn.Receive(silence)
	if Refused(err) {
		return News{}, nil // the answer to a Ping
	}
	if err != nil {
		return News{}, fmt.Errorf("listen: %w", err)
	}
	// The reply is {"message", channel, payload}, where the payload is a list of keys
	// for invalidations, or {"pong", ""}
	// (https://redis.io/docs/latest/develop/interact/pubsub/).
	parts, err := redis.Values(reply, nil)
	if err != nil || len(parts) < 3 {
		return News{}, nil //nolint:nilerr // an answer to a Ping
	}
	channel, err := redis.String(parts[1], nil)
	switch {
	case err != nil:
		return News{}, fmt.Errorf("listen: %w", err)
	case channel == invalidated:
		c, err := w.keys.parseChange(parts[2])
		if err != nil {
			err = fmt.Errorf("listen: keys that have changed: %w", err)
		}
		return News{Change: &c}, err
	}
	text, err := redis.Bytes(parts[2], nil)
	if err != nil {
		return News{}, fmt.Errorf("listen: %w", err)
	}
	var order Order
	if json.Unmarshal(text, &order) != nil || order.Cancel == "" {
		return News{Malformed: text}, nil //nolint:nilerr // a message of somebody else is no fault of the connection
	}
	return News{Order: &order}, nil
}
