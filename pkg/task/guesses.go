package task

import (
	"log/slog"
	"sync"

	"github.com/nevsnode/gordon/v2/pkg/entry"
)

// maxGuesses bounds how many unknown properties of a type the log names: their names
// come from producers.
const maxGuesses = 20

// Guesses remembers which properties of entries that look like a typing mistake were
// logged, so that each is logged once for a type. The zero value is ready. It is safe
// for concurrent use.
type Guesses struct {
	mu     sync.Mutex
	logged map[string]bool
}

// tell logs the properties that are new.
func (g *Guesses) tell(log *slog.Logger, found []entry.Guess) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range found {
		if g.logged[f.Property] || len(g.logged) == maxGuesses {
			continue
		}
		if g.logged == nil {
			g.logged = make(map[string]bool)
		}
		g.logged[f.Property] = true
		log.Warn("unknown property " + f.Property + "; did you mean " + f.Meant + "?")
	}
}
