package files

import (
	"context"
	"errors"
	"fmt"
)

// ErrHangs is wrapped by the error of a call that had not returned when its context
// ended.
var ErrHangs = errors.New("a file or file system does not answer")

// Calls bounds how many calls of [Within] are under way at once, those that nobody
// waits for any more included: each of them holds a thread.
type Calls chan struct{}

// NewCalls returns a bound of n calls.
func NewCalls(n int) Calls { return make(Calls, n) }

// Within calls f and returns its result, or [ErrHangs] with the cause of ctx when
// ctx ends first. Then f goes on without anybody who waits for it. What it returns
// after that is passed to drop, unless drop is nil or f failed.
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
	results := make(chan result) // without a buffer: what is sent has been received
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
