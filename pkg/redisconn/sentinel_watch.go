package redisconn

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The events after which a sentinel names another master
// (https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#pubsub-messages).
// The sentinel that leads a failover names it from the second event on. It publishes
// +switch-master only when the other replicas follow the new master, which may take
// seconds.
const (
	switchMaster = "+switch-master"
	reconfSlaves = "+failover-state-reconf-slaves"
)

// SentinelWatch is a subscription at a sentinel. It learns at once that another server
// has become the master, and abandons all connections of its [Client] to the old one.
// Without it, an old master that works is used until it learns that it is a replica, and
// everything that is done there meanwhile is lost. It belongs to one goroutine.
type SentinelWatch struct {
	client   *Client
	sentinel string
	master   string
	busy     *Busy
	rc       redis.Conn
	netConn  *progressConn
	closed   chan struct{}
	pings    sync.WaitGroup
}

// Sentinels are the addresses for [Client.WatchSentinel].
func (c *Client) Sentinels() []string { return c.opts.Sentinel.Addresses }

// WatchSentinel subscribes at one of the client's sentinels, and then asks it for the
// master, so that no change is missed. It has to be closed. busy belongs to the
// goroutine that uses the watch, and may be nil.
func (c *Client) WatchSentinel(ctx context.Context, sentinel string, busy *Busy) (*SentinelWatch, error) {
	if !slices.Contains(c.Sentinels(), sentinel) {
		return nil, fmt.Errorf("listen to sentinel %s: %w", sentinel, ErrNoMaster)
	}
	defer busy.Rest()
	rc, netConn, err := c.sentinels.dial(ctx, sentinel, busy)
	if err != nil {
		return nil, fmt.Errorf("listen to sentinel %s: %w", sentinel, err)
	}
	w := &SentinelWatch{client: c, sentinel: sentinel, busy: busy, rc: rc, netConn: netConn, closed: make(chan struct{})}
	if err = subscribe(rc, switchMaster, reconfSlaves); err == nil {
		err = w.ask(ctx)
	}
	if err != nil {
		_ = rc.Close() // it would return the same error
		return nil, fmt.Errorf("listen to sentinel %s: %w", sentinel, err)
	}
	w.pings.Go(w.ping)
	return w, nil
}

// ask learns which server is the master.
func (w *SentinelWatch) ask(ctx context.Context) error {
	address, err := w.client.sentinels.ask(ctx, w.sentinel, w.busy)
	if err != nil {
		return err
	}
	w.master = address
	w.client.sentinels.heard(w.sentinel)
	w.client.sentinels.moved(address)
	return nil
}

// ping sends a PING from time to time. Nobody else sends after the subscription. Next
// finds out whether anything comes back.
func (w *SentinelWatch) ping() {
	tick := time.NewTicker(w.client.opts.Ping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if sendPing(w.rc) != nil {
				return
			}
		case <-w.closed:
			return
		}
	}
}

// Master is the address of the server that the sentinel named last.
func (w *SentinelWatch) Master() string { return w.master }

// Next waits until the sentinel has published something or answered a ping, for at most
// the Ping of [Options] and a few time-outs. An error, such as the end of ctx, ends the
// watch.
func (w *SentinelWatch) Next(ctx context.Context) error {
	defer w.busy.Rest()
	defer context.AfterFunc(ctx, func() { _ = w.netConn.Close() })()
	reply, err := redis.Values(redis.ReceiveWithTimeout(w.rc, w.client.opts.Ping+w.client.opts.CommandTimeout))
	if err == nil && len(reply) == 0 {
		err = ErrProtocol
	}
	if err != nil {
		return fmt.Errorf("listen to sentinel %s: %w", w.sentinel, Classify(err))
	}
	if kind, _ := redis.String(reply[0], nil); kind != "message" {
		return nil // the answer to a PING
	}
	// The message may be about another master. There is one way to learn where ours is.
	return w.ask(ctx)
}

// Close ends the subscription.
func (w *SentinelWatch) Close() error {
	close(w.closed)
	err := w.rc.Close()
	w.pings.Wait()
	w.busy.Rest()
	return err
}
