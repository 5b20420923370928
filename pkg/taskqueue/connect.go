package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// errCluster is for a cluster whose nodes would each have some of the keys.
var errCluster = errors.New("this redis is a cluster and all keys of gordon must be in one slot: " +
	`use a queue_key with a part in braces, such as queue_key = "{taskqueue}", and push to "{taskqueue}:TYPE"`)

// errCrowded is for a server that allows fewer connections than gordon needs.
var errCrowded = errors.New("redis allows too few connections")

const (
	// ownConnections are those of an engine besides those of its types; see
	// ARCHITECTURE.md. One more ends the wait of another one, for a moment.
	ownConnections = 5
	// typeConnections are those of a type: its fetcher and its finisher.
	typeConnections = 2
	// The log tells after silentFor that gordon waits for Redis, and then every
	// logAgain.
	silentFor = time.Second
	logAgain  = time.Minute
)

// connect returns when Redis has answered and can be used for these types, or with the
// last error when ctx ends. It does not wait for a server that can never be used.
func (e *engine) connect(ctx context.Context, types map[string]*task.Plan) error {
	var pace loop.Pacer
	began := time.Now()
	next := began.Add(silentFor)
	for {
		server, err := e.try(ctx, types)
		if err == nil {
			e.connected(server, began)
			return nil
		}
		if errors.Is(err, store.ErrOldServer) || errors.Is(err, store.ErrMissing) || errors.Is(err, errCluster) {
			return err
		}
		if pace.Wait(ctx); ctx.Err() != nil {
			return errors.Join(err, e.registrar.Close())
		}
		if now := time.Now(); now.After(next) {
			e.log.Warn("waiting for redis", "address", e.target.String(), output.KeyError, err.Error())
			next = now.Add(logAgain)
		}
	}
}

// connected logs the connection, and settings of the server that endanger entries.
func (e *engine) connected(s store.Server, began time.Time) {
	if waited := time.Since(began); waited > silentFor {
		e.log.Info("redis responded", "address", e.target.String(), output.KeyDuration, waited)
	}
	e.log.Debug("connected to redis", "address", e.target.String(), "version", s.Version, "instance", e.id)
	if p := s.MaxmemoryPolicy; p != "" && p != "noeviction" {
		e.log.Warn("redis may evict entries when its memory is full; set maxmemory-policy to noeviction", "maxmemory_policy", p)
	}
}

// try inspects the server first: an instance that cannot use it must not go on record, and
// take no entry.
func (e *engine) try(ctx context.Context, types map[string]*task.Plan) (store.Server, error) {
	server, err := e.inspect(ctx)
	if err != nil {
		return server, err
	}
	if server.Cluster && !e.keys.HashTag() {
		return server, errCluster
	}
	if err := e.room(server, len(types)); err != nil {
		return server, err
	}
	return server, e.registrar.Link().Use(ctx, func(c *store.Conn) (err error) {
		// A paused type must not begin with the daemon.
		e.paused, err = c.Paused(e.keys)
		return err
	})
}

// inspect asks the server about itself, on a connection that is used for nothing else.
func (e *engine) inspect(ctx context.Context) (store.Server, error) {
	conn, err := e.client.Dial(ctx)
	if err != nil {
		return store.Server{}, err
	}
	server, err := conn.Server()
	server.Clients-- // this one
	_ = conn.Close() // its answer has been read
	return server, err
}

// room fails if the server does not allow all connections of these types beside those
// of others. Of its own, the engine has opened some.
func (e *engine) room(s store.Server, types int) error {
	needed, others := ownConnections+typeConnections*types, s.Clients-e.client.Open()
	if s.MaxClients == 0 || others+needed <= s.MaxClients {
		return nil
	}
	return fmt.Errorf("%w: maxclients in redis.conf is %d, other clients use %d, and gordon needs %d for %d types", errCrowded, s.MaxClients, others, needed, types)
}

// roomFor is room for those tasks and for the types that are served already, if there
// are new ones.
func (e *engine) roomFor(ctx context.Context, types map[string]*task.Plan) error {
	served := e.types()
	needed := len(served)
	for name := range types {
		if !slices.Contains(served, name) {
			needed++
		}
	}
	if needed == len(served) {
		return nil
	}
	server, err := e.inspect(ctx)
	if err != nil {
		return nil //nolint:nilerr // reserve finds out whether Redis answers
	}
	return e.room(server, needed)
}
