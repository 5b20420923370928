package loop

import (
	"fmt"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// CloseLink closes the connection of an actor whose life ends. The server may be gone.
func CloseLink(l *store.Link) error {
	if err := l.Close(); err != nil {
		return fmt.Errorf("close connection to redis: %w", err)
	}
	return nil
}
