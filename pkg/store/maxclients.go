package store

import (
	"errors"
	"sync"
	"time"
)

// crowdRest is how long the links of a client rest after a server had no place for one
// of them. Each attempt may take the place that a producer waits for.
const crowdRest = 5 * time.Second

// crowd remembers that a server has as many clients as it may (maxclients).
type crowd struct {
	mu    sync.Mutex
	until time.Time
	why   error
}

// note looks at how an attempt to connect has failed.
func (c *crowd) note(err error) {
	var reply *ReplyError
	if !errors.As(err, &reply) || !crowded(reply.Text) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until, c.why = time.Now().Add(crowdRest), err
}

// rest returns the refusal of before while the links rest.
func (c *crowd) rest(vital bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if vital || time.Now().After(c.until) {
		return nil
	}
	return c.why
}
