package runner

import (
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/program"
)

// Gate is shared by all starts of one daemon. One start at a time can change the OOM score
// of the daemon, and a start learns from the others which file systems hang. A nil Gate
// allows all starts except those with an OOM score.
type Gate struct {
	score *privilege.OOMScore
	looks program.Looks
}

// NewGate returns the gate of a daemon. The caller must call Close.
func NewGate() *Gate { return &Gate{score: privilege.OpenOOMScore()} }

// Close closes the file of the OOM score. No start with an OOM score may follow.
func (g *Gate) Close() { g.score.Close() }

// LookPath returns the path of a program; see [program.Looks.LookPath].
func (g *Gate) LookPath(name string) (path string, err error) { return g.known().LookPath(name) }

// known returns the knowledge about files that hang, nil without a gate.
func (g *Gate) known() *program.Looks {
	if g == nil {
		return nil
	}
	return &g.looks
}

// during calls fork, while the daemon has the OOM score adj if that is not nil.
func (g *Gate) during(adj *int, fork func() error) error {
	if g == nil {
		return (*privilege.OOMScore)(nil).During(adj, fork)
	}
	return g.score.During(adj, fork)
}
