package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The events after which a sentinel names another master
// (https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#pubsub-messages).
// The one that leads a failover names it from the second one on, and says
// +switch-master only when the other replicas follow the new master, which may
// take seconds.
const (
	switchMaster = "+switch-master"
	reconfSlaves = "+failover-state-reconf-slaves"
)

// SentinelWatch is a subscription at a sentinel: it hears at once that another
// server has become the master, and has all connections of its [Client] to the old
// one left. Without it, an old master that works is used until it is told that it is
// a replica, and all that is done there meanwhile is lost. It belongs to one
// goroutine.
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

// Sentinels are the addresses that can be listened to.
func (c *Client) Sentinels() []string { return c.opts.Sentinel.Addresses }

// WatchSentinel subscribes at a sentinel, and then asks it for the master, so that no
// change is missed. It has to be closed. busy belongs to the goroutine that uses the
// watch, and may be nil.
func (c *Client) WatchSentinel(ctx context.Context, sentinel string, busy *Busy) (*SentinelWatch, error) {
	defer busy.rest()
	rc, netConn, err := c.dialSentinel(ctx, sentinel, busy)
	if err != nil {
		return nil, fmt.Errorf("listen to sentinel %s: %w", sentinel, err)
	}
	w := &SentinelWatch{client: c, sentinel: sentinel, busy: busy, rc: rc, netConn: netConn, closed: make(chan struct{})}
	if err = subscribe(rc, switchMaster, reconfSlaves); err == nil {
		err = w.ask(ctx)
	}
	if err != nil {
		_ = rc.Close() // which would give the same error again
		return nil, fmt.Errorf("listen to sentinel %s: %w", sentinel, err)
	}
	w.pings.Go(w.ping)
	return w, nil
}

// ask learns which server is the master.
func (w *SentinelWatch) ask(ctx context.Context) error {
	address, err := w.client.askSentinel(ctx, w.sentinel, w.busy)
	if err != nil {
		return err
	}
	w.master = address
	w.client.master.heard(w.sentinel)
	w.client.master.moved(address)
	return nil
}

// ping is the only one that sends after the subscription. Whether anything comes
// back, Next finds out.
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

// Next waits until the sentinel has told something, or answered a ping: for
// the Ping of [Options] and a few time-outs. An error, such as the end of ctx, ends the watch.
func (w *SentinelWatch) Next(ctx context.Context) error {
	defer w.busy.rest()
	defer context.AfterFunc(ctx, func() { _ = w.netConn.Close() })()
	reply, err := redis.Values(redis.ReceiveWithTimeout(w.rc, w.client.opts.Ping+w.client.opts.CommandTimeout))
	if err == nil && len(reply) == 0 {
		err = ErrProtocol
	}
	if err != nil {
		return fmt.Errorf("listen to sentinel %s: %w", w.sentinel, typed(err))
	}
	if kind, _ := redis.String(reply[0], nil); kind != "message" {
		return nil // the answer to a PING
	}
	// What it says may be of other masters too. Where ours is, there is one way to
	// find out.
	return w.ask(ctx)
}

// Close ends the subscription.
func (w *SentinelWatch) Close() error {
	close(w.closed)
	err := w.rc.Close()
	w.pings.Wait()
	w.busy.rest()
	return err
}
