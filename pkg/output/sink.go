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

// Options says where the log goes.
type Options struct {
	// Logfile is the path of a file to append to; "" means the journal where
	// this process is connected to it, and Stdout otherwise.
	Logfile string
	// Verbose lets debug records through: the start and end of each task.
	Verbose bool
	// Stdout and Stderr default to those of the process.
	Stdout, Stderr *os.File
	// Getenv defaults to os.Getenv. Read are JOURNAL_STREAM and NO_COLOR.
	Getenv func(string) string
}

// destination takes records one at a time.
type destination interface {
	write(record) error
	close() error
}

// Sink is where all loggers of the daemon write. It outlives reloads.
type Sink struct {
	// immutable
	options  Options
	base     destination // without a logfile
	baseName string
	notes    destination // for people, when the log cannot be written
	now      func() time.Time
	level    slog.Level // records below it are not written

	mu      sync.Mutex  // guards what follows, and serialises the writes
	dest    destination // base or a logfile; nil when closed
	name    string      // of dest, for people
	logfile string      // "" if dest is base
	lost    int         // records since writing failed
}

// Open opens the log. It fails when the logfile can't be opened.
func Open(o Options) (*Sink, error) {
	o = o.withDefaults()
	stderr, err := duplicate(o.Stderr)
	if err != nil {
		return nil, err
	}
	s := &Sink{options: o, notes: newBounded(&notes{newPatient(stderr)}), now: time.Now}
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

// Close closes the log; what is logged afterwards is lost. It may be called
// more than once.
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
		s.sayLost()
	}
}

// miss counts a record that could not be written. The first of them is said on
// standard error, where it may be all that a person ever sees of the fault.
func (s *Sink) miss(err error) {
	s.lost++
	if s.lost > 1 {
		return
	}
	// With standard error broken too there is no one left to tell.
	_ = s.notes.write(record{message: fmt.Sprintf("cannot write the log to %s, records are lost until it works again: %v", s.name, err)})
}

// notes are lines on standard error, in the form of all that gordon writes there.
type notes struct{ io.WriteCloser }

func (n *notes) write(r record) error {
	_, err := fmt.Fprintf(n, "gordon: %s\n", r.message)
	return err
}

func (n *notes) close() error { return n.Close() }

// sayLost follows the first record that could be written again.
func (s *Sink) sayLost() {
	err := s.dest.write(record{
		time:    s.now(),
		level:   slog.LevelWarn,
		message: "the log could not be written for a while",
		attrs:   []slog.Attr{slog.Int("lost_records", s.lost)},
	})
	if err == nil {
		s.lost = 0
	}
}
