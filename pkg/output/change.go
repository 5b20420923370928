package output

import "sync"

// Change is a new place for the log that has been opened but not taken yet.
// Only the first call of Commit or Discard takes effect.
type Change struct {
	sink *Sink
	dest destination
	name string
	once sync.Once
}

// Prepare opens logfile, or what the log goes to without one when it is "". The
// log stays where it is until Commit, so that a reload can be refused whole. A
// path that is open already is opened again: logrotate may have moved the file.
func (s *Sink) Prepare(logfile string) (*Change, error) {
	if logfile == "" {
		return &Change{sink: s, dest: s.base, name: s.baseName}, nil
	}
	f, err := openLogfile(logfile)
	if err != nil {
		return nil, err
	}
	return &Change{sink: s, dest: f, name: logfile}, nil
}

// Commit moves the log and closes the file it was in.
func (c *Change) Commit() { c.once.Do(c.commit) }

func (c *Change) commit() {
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dest == nil { // closed
		c.release()
		return
	}
	old := s.dest
	s.dest, s.name = c.dest, c.name
	if old != s.base && old != c.dest {
		// All of it was written; there is no one to tell that closing failed.
		_ = old.close()
	}
}

// Discard leaves the log where it is.
func (c *Change) Discard() { c.once.Do(c.release) }

func (c *Change) release() {
	if c.dest != c.sink.base {
		_ = c.dest.close() // nothing was written to it
	}
}
