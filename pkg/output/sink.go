package output

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Options are the destination and the level of the log.
type Options struct {
	// Logfile is the path of a file to append to. "" means the journal if this process is
	// connected to it, else Stdout.
	Logfile string
	// Verbose includes debug records: the start and the success of each task.
	Verbose bool
	// Stdout and Stderr default to those of the process.
	Stdout, Stderr *os.File
	// Getenv defaults to os.Getenv. It is called for JOURNAL_STREAM and NO_COLOR.
	Getenv func(string) string
}

// destination writes records, one at a time.
type destination interface {
	write(record) error
	close() error
}

// Sink is the common output of all loggers of the daemon. It outlives reloads.
type Sink struct {
	// immutable
	options  Options
	base     destination // without a logfile
	baseName string
	notes    destination // standard error, if the log cannot be written
	now      func() time.Time
	level    slog.Level // records below it are not written

	mu      sync.Mutex  // guards the fields below, and serialises the writes
	dest    destination // base or a logfile; nil when closed
	name    string      // of dest, for people
	logfile string      // "" if dest is base
	lost    int         // records since writing failed
}

// Open opens the log. It fails if the logfile cannot be opened.
func Open(o Options) (*Sink, error) {
	o = o.withDefaults()
	stderr, err := duplicate(o.Stderr)
	if err != nil {
		return nil, err
	}
	s := &Sink{options: o, notes: newBounded(&notes{newNonBlocking(stderr)}), now: time.Now}
	if o.Verbose {
		s.level = slog.LevelDebug
	}
	if err := s.open(o); err != nil {
		return nil, errors.Join(err, stderr.Close())
	}
	return s, nil
}

func (s *Sink) open(o Options) error {
	s.baseName = "standard output"
	if onJournal(o.Getenv("JOURNAL_STREAM"), o.Stderr, o.Stdout) {
		s.base, s.baseName = newBounded(newJournald()), "the journal"
	} else {
		base, err := newText(o.Stdout, o.Getenv)
		if err != nil {
			return err
		}
		s.base = newBounded(base)
	}
	s.dest, s.name = s.base, s.baseName
	c, err := s.Prepare(o.Logfile)
	if err != nil {
		return errors.Join(err, s.base.close())
	}
	c.Commit()
	return nil
}

func (o Options) withDefaults() Options {
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	return o
}

// Logger returns a logger that stays valid over reloads.
func (s *Sink) Logger() *slog.Logger { return slog.New(&handler{sink: s}) }

// Close closes the log. Later records are lost. It may be called more than once.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dest == nil {
		return nil
	}
	var err error
	if s.dest != s.base {
		err = s.dest.close()
	}
	s.dest = nil
	return errors.Join(err, s.base.close(), s.notes.close())
}

func (s *Sink) write(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dest == nil {
		return
	}
	if err := s.dest.write(r); err != nil {
		s.miss(err)
		return
	}
	if s.lost > 0 {
		s.reportLost()
	}
}

// miss counts a record that could not be written. It reports the first one on standard
// error, which may be the only sign of the fault for a person.
func (s *Sink) miss(err error) {
	s.lost++
	if s.lost > 1 {
		return
	}
	// If standard error is broken too, nobody can be told.
	_ = s.notes.write(record{message: fmt.Sprintf("writing the log to %s failed; records are lost until it works again: %v", s.name, err)})
}

// notes writes lines to standard error, with the prefix of all lines there.
type notes struct{ io.WriteCloser }

func (n *notes) write(r record) error {
	_, err := fmt.Fprintf(n, "gordon: %s\n", r.message)
	return err
}

func (n *notes) close() error { return n.Close() }

// reportLost logs the number of lost records, after the first record that was written
// again.
func (s *Sink) reportLost() {
	err := s.dest.write(record{
		time:    s.now(),
		level:   slog.LevelWarn,
		message: "the log could not be written for some time; records were lost",
		attrs:   []slog.Attr{slog.Int("lost_records", s.lost)},
	})
	if err == nil {
		s.lost = 0
	}
}
