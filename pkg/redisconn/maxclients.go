package redisconn

import (
	"errors"
	"sync"
	"time"
)

// refusalPause is how long the links of a client pause after the server had no place for
// one of them. Each attempt may take the place that a producer waits for.
const refusalPause = 5 * time.Second

// refusal remembers that the server has refused a connection because it has as many
// clients as it may (maxclients). The zero value is ready.
type refusal struct {
	mu    sync.Mutex
	until time.Time
	err   error
}

// note remembers the error of an attempt to connect, if it is such a refusal.
func (r *refusal) note(err error) {
	var reply *ReplyError
	if !errors.As(err, &reply) || !isMaxClients(reply.Text) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until, r.err = time.Now().Add(refusalPause), err
}

// current returns the last refusal during the pause after it.
func (r *refusal) current() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().After(r.until) {
		return nil
	}
	return r.err
}
