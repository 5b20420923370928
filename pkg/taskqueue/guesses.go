package taskqueue

import (
	"log/slog"
	"sync"

	"github.com/nevsnode/gordon/v2/pkg/entry"
)

// maxGuesses is how many unknown properties of a type are named: their names come
// from producers.
const maxGuesses = 20

// guesses names properties of entries that look like a slip of the hand, each once
// for a type. The zero value is ready.
type guesses struct {
	mu   sync.Mutex
	told map[string]bool
}

func (g *guesses) tell(log *slog.Logger, found []entry.Guess) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range found {
		if g.told[f.Property] || len(g.told) == maxGuesses {
			continue
		}
		if g.told == nil {
			g.told = make(map[string]bool)
		}
		g.told[f.Property] = true
		log.Warn("unknown property " + f.Property + "; did you mean " + f.Meant + "?")
	}
}
