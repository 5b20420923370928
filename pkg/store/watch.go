package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// invalidated is the channel on which Redis tells that a key has changed that was
// read before; see [Client.Watch].
const invalidated = "__redis__:invalidate"

// Watch is a pair of connections: with one it reads, on the other Redis says that
// something it read has changed. So nothing is asked in vain, and a change is seen
// at once whoever made it, redis-cli included
// (https://redis.io/docs/latest/develop/reference/client-side-caching/).
//
// It takes no entries, so that nothing is lost with it.
type Watch struct {
	keys   Keys
	reader *Conn
	ear    *Conn
	// unseen is why the others can't see whether this instance is there; nil if they
	// can.
	unseen error
	// used is when reader was last known to work.
	used time.Time
	// busy belongs to the goroutine that uses the watch, except for Next and AwaitClose.
	busy *Busy
}

// ErrIdleConnLost is wrapped by the loss of a connection that has not been used for some
// time: it may have been lost long ago, together with others whose loss is over and
// told. Whether Redis can be reached now, the next attempt tells.
var ErrIdleConnLost = errors.New("a connection that rested is lost")

// after notes how a use of the reader ended.
func (w *Watch) after(err error) error {
	w.busy.rest()
	if err == nil || Refused(err) {
		w.used = time.Now()
		return err
	}
	if time.Since(w.used) > idle || w.reader.client.BrokeSince(w.used) {
		return fmt.Errorf("%w: %w", ErrIdleConnLost, err)
	}
	return err
}

// Stale tells whether the server has said that it is not the master (any more): the
// watch works, but at the wrong place.
func (w *Watch) Stale() bool { return w.reader.stale }

// Watch connects and begins to listen. busy belongs to the goroutine that uses the
// watch, and may be nil; Next and AwaitClose, which run in others, do not set it.
func (c *Client) Watch(ctx context.Context, k Keys, busy *Busy) (*Watch, error) {
	defer busy.rest()
	ear, err := c.dialMaster(ctx, busy)
	if err != nil {
		return nil, err
	}
	w := &Watch{keys: k, ear: ear, used: time.Now(), busy: busy}
	if w.reader, err = c.dialMaster(ctx, busy); err == nil {
		err = w.register()
	}
	if err == nil {
		err = w.listen()
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	ear.netConn.detach() // from now on Next uses it, in a goroutine of its own
	return w, nil
}

// register puts both connections on record: as long as the one that listens is open, the
// instance counts as being on duty, so who fences it has to find it. A refusal is for
// those that take entries: pauses and cancels are heard all the same.
func (w *Watch) register() error {
	for _, c := range []*Conn{w.ear, w.reader} {
		c.client.open.opened(c.ref.id)
		if c.client.opts.Greet == nil {
			continue
		}
		if err := c.client.opts.Greet(c); err != nil && !Refused(err) {
			return fmt.Errorf("greet: %w", err)
		}
	}
	return nil
}

// listen subscribes first: what is read afterwards is watched from then on. A
// change of what this connection itself changes is no news.
func (w *Watch) listen() error {
	if err := subscribe(w.ear.rc, invalidated, w.keys.Control()); err != nil {
		return err
	}
	if err := subscribe(w.ear.rc, w.keys.Own(w.instance())); Refused(err) {
		w.unseen = err // pauses and cancels work without it
	} else if err != nil {
		return err
	}
	_, err := w.reader.do("CLIENT", "TRACKING", "ON", "REDIRECT", w.ear.ref.id, "NOLOOP")
	return err
}

// AwaitClose waits until Redis closes the connection that reads, and returns an error that
// wraps [ErrIdleConnLost]; or until closed is closed. The other one is read all the time, and
// no "timeout" of Redis applies to it.
func (w *Watch) AwaitClose(closed <-chan struct{}) error {
	return fmt.Errorf("%w: %w", ErrIdleConnLost, w.reader.awaitClose(closed))
}

// Close closes both connections.
func (w *Watch) Close() error {
	defer w.busy.rest()
	err := w.ear.Close()
	w.ear.client.open.ended(w.ear.ref.id)
	if w.reader != nil {
		err = errors.Join(err, w.reader.Close())
		w.reader.client.open.ended(w.reader.ref.id)
	}
	return err
}

// Paused returns the paused types. Redis tells of the next change.
func (w *Watch) Paused() (map[string]bool, error) {
	paused, err := w.reader.Paused(w.keys)
	return paused, w.after(err)
}

// Types returns every type of every instance on record, by name. Redis tells of the
// next change. Records that cannot be believed are left out: others report them.
func (w *Watch) Types() ([]string, error) {
	instances, _, err := w.reader.Instances(w.keys)
	if err = w.after(err); err != nil {
		return nil, err
	}
	types := make(map[string]bool)
	for _, i := range instances {
		for t := range i.Types {
			types[t] = true
		}
	}
	return slices.Sorted(maps.Keys(types)), nil
}

// MoveDue is [Conn.MoveDue]. Redis tells of the next change of the types that it
// returns the state of.
func (w *Watch) MoveDue(types []string) ([]Due, error) {
	due, err := w.reader.MoveDue(w.keys, types)
	return due, w.after(err)
}

// set reads the answer to SMEMBERS.
func set(reply any) (map[string]bool, error) {
	members, err := redis.Strings(reply, nil)
	if err != nil {
		return nil, typed(err)
	}
	s := make(map[string]bool, len(members))
	for _, m := range members {
		s[m] = true
	}
	return s, nil
}

// Ping asks both connections whether they still work. The answer of the one that
// listens comes to Next. A refusal is an answer: a Redis that cannot save refuses a
// PING, too.
func (w *Watch) Ping() error {
	w.busy.within(w.reader.client.opts.CommandTimeout)
	if err := sendPing(w.ear.rc); err != nil {
		w.busy.rest()
		return err
	}
	_, err := w.reader.do("PING")
	if err = w.after(err); Refused(err) {
		return nil
	}
	return err
}

// Order is a message on the channel [Keys.Control], a JSON object.
type Order struct {
	// Cancel names a task: its id, or the id that its entry was given.
	Cancel string `json:"cancel"`
}

// Change is what may be another than when it was read.
type Change struct {
	// All is for everything, as after FLUSHALL.
	All bool
	// Paused, Duty and Instances are for the keys of these names.
	Paused, Duty, Instances bool
	// Delayed are the types whose entries for later have changed.
	Delayed []string
}

// change reads the keys of an invalidation; nil is for all keys.
func (k Keys) change(reply any) (c Change, err error) {
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

// News is what a watch has heard.
type News struct {
	// Change is what has to be read again; nil for nothing.
	Change *Change
	// Order is what somebody has published, if that could be read.
	Order *Order
	// Malformed is a message that is no order, for the log.
	Malformed []byte
}

// Next waits for news, at most for silence; nothing at all in that time, not even
// the answer to a Ping, counts as a loss of the connection. It may run beside the
// other methods. Close ends it.
func (w *Watch) Next(silence time.Duration) (News, error) {
	reply, err := redis.ReceiveWithTimeout(w.ear.rc, silence)
	if err = typed(err); Refused(err) {
		return News{}, nil // the answer to a Ping
	}
	if err != nil {
		return News{}, fmt.Errorf("listen: %w", err)
	}
	// {"message", channel, what}, where what is a list of keys for invalidations,
	// or {"pong", ""} (https://redis.io/docs/latest/develop/interact/pubsub/).
	parts, err := redis.Values(reply, nil)
	if err != nil || len(parts) < 3 {
		return News{}, nil //nolint:nilerr // an answer to a Ping
	}
	channel, err := redis.String(parts[1], nil)
	switch {
	case err != nil:
		return News{}, fmt.Errorf("listen: %w", err)
	case channel == invalidated:
		c, err := w.keys.change(parts[2])
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
		return News{Malformed: text}, nil //nolint:nilerr // what somebody else writes is no fault of the connection
	}
	return News{Order: &order}, nil
}

// Paused returns the paused types.
func (c *Conn) Paused(k Keys) (map[string]bool, error) {
	reply, err := c.do("SMEMBERS", k.Paused())
	if err != nil {
		return nil, err
	}
	return set(reply)
}
