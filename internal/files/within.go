package files

import (
	"context"
	"errors"
	"fmt"
)

// ErrHangs is wrapped by the error for a call that had not returned when its context
// ended.
var ErrHangs = errors.New("a file or file system does not answer")

// Calls limits how many calls of [Within] run at once, including abandoned calls: each of
// them holds a thread.
type Calls chan struct{}

// NewCalls returns a limit of n calls.
func NewCalls(n int) Calls { return make(Calls, n) }

// Within calls f and returns its result, or [ErrHangs] with the cause of ctx if
// ctx ends first. Then f goes on, and Within no longer waits for it. A value that f
// returns after that is passed to drop, unless drop is nil or f failed.
func Within[T any](ctx context.Context, c Calls, f func() (T, error), drop func(T)) (T, error) {
	var none T
	select {
	case c <- struct{}{}:
	case <-ctx.Done():
		return none, hangs(ctx)
	}
	type result struct {
		value T
		err   error
	}
	results := make(chan result) // without a buffer: a sent result has been received
	go func() {
		value, err := f()
		<-c
		select {
		case results <- result{value, err}:
		case <-ctx.Done():
			if err == nil && drop != nil {
				drop(value)
			}
		}
	}()
	select {
	case r := <-results:
		return r.value, r.err
	case <-ctx.Done():
		return none, hangs(ctx)
	}
}

func hangs(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrHangs, context.Cause(ctx)) }
