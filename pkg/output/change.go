package output

import (
	"os"
	"sync"
)

// Change is a new place for the log that has been opened but not taken yet.
// Only the first call of Commit or Discard takes effect.
type Change struct {
	sink    *Sink
	dest    destination
	name    string
	logfile string
	reopens bool // it is for the logfile that is in use, and for no other one
	once    sync.Once
}

// Prepare opens logfile, or what the log goes to without one when it is "". The
// log stays where it is until Commit, so that a reload can be refused whole. A
// path that is open already is opened again: logrotate may have moved the file.
//
// A path such as /dev/stdout is the standard output or error that the process has.
func (s *Sink) Prepare(logfile string) (*Change, error) {
	if logfile == "" {
		return &Change{sink: s, dest: s.base, name: s.baseName}, nil
	}
	dest, err := s.openPlace(logfile)
	if err != nil {
		return nil, err
	}
	return &Change{sink: s, dest: newBounded(dest), name: logfile, logfile: logfile}, nil
}

func (s *Sink) openPlace(logfile string) (destination, error) {
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

// PrepareAgain opens the logfile that is in use anew. The change has no effect if the
// log has moved meanwhile, or is not in a file.
func (s *Sink) PrepareAgain() (*Change, error) {
	c, err := s.Prepare(s.Logfile())
	if err == nil {
		c.reopens = true
	}
	return c, err
}

// Logfile is the path of the file that the log goes to; "" if it goes to the journal
// or to standard output.
func (s *Sink) Logfile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logfile
}

// Commit moves the log and closes the file it was in.
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
