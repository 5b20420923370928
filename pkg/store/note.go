package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Note is on record for a run list before an entry comes into it. Recovery has to know
// which run was cut short, and what its task was promised.
type Note struct {
	// Number is that of the run. An instance gives each number once. So a note tells
	// this entry of the list from every other, even if Redis has come back with an
	// older state.
	Number uint64
	// Fail is set if the entry must not run again when its daemon dies. It is what the
	// configuration had when the run began, even if a reload has changed it since.
	Fail bool
	// Past is set if the entry was there before the note: Redis has come back with an
	// older state, in which a run that ended long ago was still running. Fail then also
	// covers the promise that was given to that run.
	Past bool
}

func (n Note) String() string {
	s := strconv.FormatUint(n.Number, 10)
	if n.Fail {
		s += noteFail
	}
	if n.Past {
		s += notePast
	}
	return s
}

const (
	noteFail = " fail"
	notePast = " past"
)

// parseNote parses a note. ok is false if the text is not a note.
func parseNote(s string) (n Note, ok bool) {
	s, n.Past = strings.CutSuffix(s, notePast)
	s, n.Fail = strings.CutSuffix(s, noteFail)
	number, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return Note{}, false
	}
	n.Number = number
	return n, true
}

// RunList identifies a run list (see [Keys.Run]), with the note of the run that it holds
// or is meant for.
type RunList struct {
	// Type is that of the entry.
	Type string
	// Instance is the instance that runs the entry.
	Instance string
	// List is the number of the list.
	List int
	// Note is the note of the run.
	Note Note
}

func (k Keys) run(r RunList) string { return k.Run(r.Type, r.Instance, r.List) }

// field is the field of a run list in the notes of its instance.
func (r RunList) field() string { return noteField(r.Type, r.List) }

func noteField(taskType string, list int) string { return taskType + ":" + strconv.Itoa(list) }

// Taken is the entry that is now in a run list, and its note.
type Taken struct {
	// Entry is nil if there is none.
	Entry []byte
	Note  Note
}

// parseTaken parses an entry and its note as scripts return them.
func parseTaken(entry, note any) (t Taken) {
	text, _ := note.([]byte)
	t.Entry, _ = entry.([]byte)
	if t.Entry != nil {
		t.Note, _ = parseNote(string(text))
	}
	return t
}

// putNote begins a script that notes a run. It defines put(entry, notes, field, note),
// which writes the note of a run list and returns it.
//
// The note comes before the entry, so that in every older state of Redis an entry has
// the note of its own run. If there is an entry already, under another note, that entry
// is from the past, and the promise that was given for it still holds.
const putNote = `
local function put(entry, notes, field, note)
	local was = redis.call('HGET', notes, field)
	if entry then
		if was and string.match(was, '^%d+') == string.match(note, '^%d+') then return was end
		if was and string.find(was, ' fail', 1, true) and not string.find(note, ' fail', 1, true) then
			note = note .. ' fail'
		end
		note = note .. ' past'
	end
	if was ~= note then redis.call('HSET', notes, field, note) end
	return note
end`

// prepareScript notes a run before an entry comes into its run list.
//
// KEYS:
//  1. the run list
//  2. the notes
//
// ARGV:
//  1. the field of the run list in the notes
//  2. the note
//
// It returns {entry that is in the list already or nil, its note}.
const prepareScript = putNote + `
local entry = redis.call('LINDEX', KEYS[1], 0)
return {entry, put(entry, KEYS[2], ARGV[1], ARGV[2])}`

// Prepare puts the note of a run list on record, and returns what is in the list
// already. It comes before the take. If it is repeated, an entry without [Note.Past] came
// by a take whose answer was lost.
func (c *Conn) Prepare(k Keys, r RunList) (Taken, error) {
	run := k.run(r)
	values, err := redis.Values(c.conn.Do("EVAL", prepareScript, 2, run, k.Notes(r.Instance), r.field(), r.Note.String()))
	if err == nil && len(values) != 2 {
		err = fmt.Errorf("the prepare script answered %d values instead of 2", len(values))
	}
	if err != nil {
		return Taken{}, fmt.Errorf("prepare %s: %w", run, err)
	}
	return parseTaken(values[0], values[1]), nil
}

// Note returns the note of a run list. noted is false if there is none.
func (c *Conn) Note(k Keys, taskType, instance string, list int) (n Note, noted bool, err error) {
	text, err := redis.String(c.conn.Do("HGET", k.Notes(instance), noteField(taskType, list)))
	if errors.Is(err, redis.ErrNil) {
		return Note{}, false, nil
	}
	if err != nil {
		return Note{}, false, err
	}
	n, noted = parseNote(text)
	return n, noted, nil
}
