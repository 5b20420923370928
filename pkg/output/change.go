package output

import (
	"os"
	"sync"
)

// Change is a new destination of the log that has been opened but is not in use yet.
// Only the first call of Commit or Discard takes effect.
type Change struct {
	sink    *Sink
	dest    destination
	name    string
	logfile string
	reopens bool // it applies only while logfile is still in use
	once    sync.Once
}

// Prepare opens logfile, or, if it is "", the destination without a logfile. The log does
// not move until Commit, so that a reload is all or nothing. Prepare opens a path anew
// that is open already, because logrotate may have moved the file.
//
// A path such as /dev/stdout means the standard output or error of this process.
func (s *Sink) Prepare(logfile string) (*Change, error) {
	if logfile == "" {
		return &Change{sink: s, dest: s.base, name: s.baseName}, nil
	}
	dest, err := s.openDestination(logfile)
	if err != nil {
		return nil, err
	}
	return &Change{sink: s, dest: newBounded(dest), name: logfile, logfile: logfile}, nil
}

func (s *Sink) openDestination(logfile string) (destination, error) {
	var standard *os.File
	switch descriptor(logfile) {
	case "1":
		standard = s.options.Stdout
	case "2":
		standard = s.options.Stderr
	default:
		return openLogfile(logfile)
	}
	if onJournal(s.options.Getenv("JOURNAL_STREAM"), standard) {
		return newJournald(), nil
	}
	return newText(standard, s.options.Getenv)
}

// PrepareAgain opens the current logfile anew. The change has no effect if the log has
// moved meanwhile, or does not go to a file.
func (s *Sink) PrepareAgain() (*Change, error) {
	c, err := s.Prepare(s.Logfile())
	if err == nil {
		c.reopens = true
	}
	return c, err
}

// Logfile returns the path of the current logfile, or "" if the log goes to the journal
// or to standard output.
func (s *Sink) Logfile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logfile
}

// Commit moves the log to the new destination and closes the old file.
func (c *Change) Commit() { c.once.Do(c.commit) }

func (c *Change) commit() {
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dest == nil || c.reopens && s.logfile != c.logfile { // closed, or moved
		c.release()
		return
	}
	old := s.dest
	s.dest, s.name, s.logfile = c.dest, c.name, c.logfile
	if old != s.base && old != c.dest {
		// All records were written. Nobody can be told that closing failed.
		_ = old.close()
	}
}

// Discard closes the new destination. The log does not move.
func (c *Change) Discard() { c.once.Do(c.release) }

func (c *Change) release() {
	if c.dest != c.sink.base {
		_ = c.dest.close() // nothing was written to it
	}
}
