package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Sentinel says which sentinels know the address of the master
// (https://redis.io/docs/latest/develop/reference/sentinel-clients/).
type Sentinel struct {
	// Addresses are host:port each.
	Addresses []string
	// Master is the name under which they watch it.
	Master string
	// Login is for the sentinels; they have users and passwords of their own.
	Login Login
}

// ErrNoMaster is wrapped when a sentinel answers that it does not know one.
var ErrNoMaster = errors.New("the sentinel knows no such master")

// askSentinels asks one after the other and returns the first answer. The one that
// was heard last comes first: it is up, and where a [SentinelWatch] listens to it, it
// knows of a change that others may not have heard of yet. A master that was demoted
// since is also found out by the first command that writes, and then asked for again
// (see stale).
func (c *Client) askSentinels(ctx context.Context, busy *Busy) (string, error) {
	var errs []error
	for _, sentinel := range c.master.first(c.opts.Sentinel.Addresses) {
		address, err := c.askSentinel(ctx, sentinel, busy)
		if err == nil {
			c.master.heard(sentinel)
			return address, nil
		}
		errs = append(errs, fmt.Errorf("ask sentinel %s for master %s: %w", sentinel, c.opts.Sentinel.Master, err))
	}
	return "", errors.Join(errs...)
}

// dialSentinel bounds how long one sentinel may take, so that all of them together
// take no longer than two servers: where a network swallows everything, who waits
// for them must not be taken for one that hangs.
func (c *Client) dialSentinel(ctx context.Context, sentinel string, busy *Busy) (redis.Conn, *progressConn, error) {
	each := min(c.opts.CommandTimeout, 2*c.opts.CommandTimeout/time.Duration(len(c.opts.Sentinel.Addresses)))
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	return c.connect(ctx, target{network: "tcp", address: sentinel, login: c.opts.Sentinel.Login, silence: each, busy: busy})
}

func (c *Client) askSentinel(ctx context.Context, sentinel string, busy *Busy) (address string, err error) {
	rc, _, err := c.dialSentinel(ctx, sentinel, busy)
	if err != nil {
		return "", err
	}
	defer func() { _ = rc.Close() }() // the question has been answered, or has failed
	parts, err := redis.Strings(rc.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", c.opts.Sentinel.Master))
	if errors.Is(err, redis.ErrNil) || err == nil && len(parts) != 2 {
		return "", ErrNoMaster
	}
	if err != nil {
		return "", typed(err)
	}
	return net.JoinHostPort(parts[0], parts[1]), nil
}
