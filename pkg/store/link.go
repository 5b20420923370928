package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Link is a connection that is made again after it broke. It belongs to one
// goroutine. The zero Link is not usable; see [Client.Link].
type Link struct {
	client *Client
	conn   *Conn
	// lost are connections that broke and that the server may still serve.
	lost []ref
}

// Link returns a link that connects when it is first used.
func (c *Client) Link() *Link { return &Link{client: c} }

// Use calls fn with a working connection. The error is fn's, or says why there
// is no connection. Nothing is retried here.
//
// Before the first use of a new connection the lost ones are fenced. Without
// that, what fn reads now could be changed afterwards by a command that the
// server has yet to read from a lost connection.
func (l *Link) Use(ctx context.Context, fn func(*Conn) error) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	err := fn(l.conn)
	if l.conn.Broken() {
		l.drop()
	}
	return err
}

func (l *Link) connect(ctx context.Context) error {
	if l.conn == nil {
		conn, err := l.client.Dial(ctx)
		if err != nil {
			return err
		}
		l.conn = conn
	}
	for len(l.lost) > 0 {
		if err := l.conn.fence(l.lost[0]); err != nil {
			if l.conn.Broken() {
				l.drop()
			}
			return fmt.Errorf("close a lost connection: %w", err)
		}
		l.lost = l.lost[1:]
	}
	return nil
}

func (l *Link) drop() {
	l.lost = append(l.lost, l.conn.ref)
	_ = l.conn.Close() // it is broken: closing can only say so again
	l.conn = nil
}

// Close closes the connection, if there is one.
func (l *Link) Close() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn = nil
	return err
}

// fence has the server drop a lost connection together with whatever it has not
// yet read from it. Both commands go over one connection, hence to one run of
// the server, in which an id is never given twice: the name that was read
// belongs to the connection that is killed
// (https://redis.io/docs/latest/commands/client-kill/).
func (c *Conn) fence(lost ref) error {
	list, err := redis.String(c.do("CLIENT", "LIST", "ID", lost.id))
	if err != nil {
		return err
	}
	if !strings.Contains(list, " name="+lost.name+" ") {
		return nil // gone, or another server, or the same one after a restart
	}
	_, err = c.do("CLIENT", "KILL", "ID", lost.id)
	return err
}
