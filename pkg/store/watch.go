package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// invalidated is the channel on which Redis publishes the keys that were read before and
// have changed; see [Client.Watch].
const invalidated = "__redis__:invalidate"

// Watch is a pair of connections: the reader reads, and on the subscriber Redis reports
// when something that was read has changed. So nothing is asked in vain, and a change is
// seen at once, even one that was made with redis-cli
// (https://redis.io/docs/latest/develop/reference/client-side-caching/).
//
// It takes no entries, so that nothing is lost with it. It belongs to one goroutine,
// except for Next, AwaitClose and Close.
type Watch struct {
	keys       Keys
	reader     *Conn
	subscriber *Conn
	// hidden is why the other instances cannot see whether this one is there, nil if
	// they can.
	hidden error
	// used is when reader was last known to work.
	used time.Time
	// busy belongs to the goroutine that uses the watch. Next and AwaitClose do not set
	// it.
	busy *Busy
}

// ErrIdleConnLost is wrapped by the loss of a connection that was idle for some time. It
// may have been lost long ago, together with others whose loss is over and reported.
// Whether Redis can be reached now is for the next attempt to find out.
var ErrIdleConnLost = errors.New("an idle connection was lost")

// Watch connects and begins to listen. busy belongs to the goroutine that uses the watch,
// and may be nil; Next and AwaitClose, which run in others, do not set it.
func (c *Client) Watch(ctx context.Context, k Keys, busy *Busy) (*Watch, error) {
	defer busy.Rest()
	subscriber, err := c.Client.Dial(ctx, busy)
	if err != nil {
		return nil, err
	}
	w := &Watch{keys: k, subscriber: &Conn{subscriber}, used: time.Now(), busy: busy}
	reader, err := c.Client.Dial(ctx, busy)
	if err == nil {
		w.reader = &Conn{reader}
		err = w.announce()
	}
	if err == nil {
		err = w.listen()
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	subscriber.Detach() // from now on Next uses it, in a goroutine of its own
	return w, nil
}

// announce puts both connections on record. The instance counts as being on duty while
// the subscriber is open, so whoever fences the instance has to find it. A refusal
// concerns the instances that take entries: pauses and cancels are heard all the same.
func (w *Watch) announce() error {
	for _, c := range []*Conn{w.subscriber, w.reader} {
		if err := c.conn.Announce(); err != nil && !Refused(err) {
			return fmt.Errorf("register: %w", err)
		}
	}
	return nil
}

// listen subscribes first: what is read afterwards is watched from then on. Redis does
// not report a change that the reader itself makes.
func (w *Watch) listen() error {
	if err := w.subscriber.conn.Subscribe(invalidated, w.keys.Control()); err != nil {
		return err
	}
	if err := w.subscriber.conn.Subscribe(w.keys.Own(w.instance())); Refused(err) {
		w.hidden = err // pauses and cancels work without it
	} else if err != nil {
		return err
	}
	_, err := w.reader.conn.Do("CLIENT", "TRACKING", "ON", "REDIRECT", w.subscriber.conn.ID(), "NOLOOP")
	return err
}

// instance is the instance that watches.
func (w *Watch) instance() string { return w.reader.conn.Client().Instance() }

// done notes how a use of the reader ended.
func (w *Watch) done(err error) error {
	w.busy.Rest()
	if err == nil || Refused(err) {
		w.used = time.Now()
		return err
	}
	if w.reader.conn.Client().MayBeLost(w.used) {
		return fmt.Errorf("%w: %w", ErrIdleConnLost, err)
	}
	return err
}

// Stale reports whether the server has answered that it is not the master (any more): the
// watch works, but at the wrong server.
func (w *Watch) Stale() bool { return w.reader.conn.Stale() }

// AwaitClose waits until Redis closes the reader, and returns an error that wraps
// [ErrIdleConnLost]; or until closed is closed. The subscriber is read all the time, and
// no "timeout" of Redis applies to it.
func (w *Watch) AwaitClose(closed <-chan struct{}) error {
	return fmt.Errorf("%w: %w", ErrIdleConnLost, w.reader.conn.AwaitClose(closed))
}

// Close closes both connections, and ends Next.
func (w *Watch) Close() error {
	defer w.busy.Rest()
	err := w.subscriber.Close()
	if w.reader != nil {
		err = errors.Join(err, w.reader.Close())
	}
	return err
}

// Ping asks both connections whether they still work. Next gets the answer of the
// subscriber. A refusal is an answer: a Redis that cannot save refuses a PING, too.
func (w *Watch) Ping() error {
	err := w.subscriber.conn.SendPing()
	if err != nil {
		w.busy.Rest()
		return err
	}
	_, err = w.reader.conn.Do("PING")
	if err = w.done(err); Refused(err) {
		return nil
	}
	return err
}

// Paused returns the paused types. Redis reports the next change.
func (w *Watch) Paused() (map[string]bool, error) {
	paused, err := w.reader.Paused(w.keys)
	return paused, w.done(err)
}

// Types returns every type of every instance on record, by name. Redis reports the next
// change. Invalid records are left out: others report them.
func (w *Watch) Types() ([]string, error) {
	instances, _, err := w.reader.Instances(w.keys)
	if err = w.done(err); err != nil {
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

// MoveDue is [Conn.MoveDue]. Redis reports the next change of the types that it returns
// the state of.
func (w *Watch) MoveDue(types []string) ([]Due, error) {
	due, err := w.reader.MoveDue(w.keys, types)
	return due, w.done(err)
}

// Paused returns the paused types.
func (c *Conn) Paused(k Keys) (map[string]bool, error) {
	reply, err := c.conn.Do("SMEMBERS", k.Paused())
	if err != nil {
		return nil, err
	}
	members, err := redis.Strings(reply, nil)
	if err != nil {
		return nil, redisconn.Classify(err)
	}
	paused := make(map[string]bool, len(members))
	for _, m := range members {
		paused[m] = true
	}
	return paused, nil
}
