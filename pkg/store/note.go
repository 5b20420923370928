package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Note is what is on record of a run list before an entry comes into it: recovery
// has to know which run it cut short, and what was promised for it.
type Note struct {
	// Number is that of the run. An instance gives each once, so that a note tells
	// this entry of the list from every other, also when Redis has come back with an
	// older state.
	Number uint64
	// Fail says that the entry must not run again when its daemon dies. It is what
	// held when the run began, whatever a reload has changed since.
	Fail bool
	// Past says that the entry was there before the note: Redis has come back with an
	// older state, in which a run that ended long ago still ran. Fail then also
	// stands for the promise that was given to that run.
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

// readNote reads a note; known is false for what is none.
func readNote(s string) (n Note, known bool) {
	s, n.Past = strings.CutSuffix(s, notePast)
	s, n.Fail = strings.CutSuffix(s, noteFail)
	number, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return Note{}, false
	}
	n.Number = number
	return n, true
}

// RunList identifies a run list (see [Keys.Run]), with the note of the run that it
// holds or is meant for.
type RunList struct {
	// Type is that of the entry.
	Type string
	// Instance is the instance that runs it.
	Instance string
	// List is the number of the list.
	List int
	Note Note
}

func (k Keys) run(r RunList) string { return k.Run(r.Type, r.Instance, r.List) }

// field is the field of a run list in the notes of its instance.
func (r RunList) field() string { return noteField(r.Type, r.List) }

func noteField(taskType string, list int) string { return taskType + ":" + strconv.Itoa(list) }

// Taken is an entry that is in a run list, nil for none, and the note of it.
type Taken struct {
	Entry []byte
	Note  Note
}

// putNote is the part of a script that notes a run. The note comes before the entry,
// so that in every older state of Redis an entry has the note of its run. Where an
// entry is there already, under another note, that entry is from the past, and what
// was promised for it goes on.
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

// prepareScript makes a run list ready for an entry.
//
// KEYS: run list, notes. ARGV: field, note. Returns {entry or nil, note}.
const prepareScript = putNote + `
local entry = redis.call('LINDEX', KEYS[1], 0)
return {entry, put(entry, KEYS[2], ARGV[1], ARGV[2])}`

// Prepare puts the note of a run list on record, and returns what is in the list
// already. It comes before the take; where it is repeated, an entry without
// [Note.Past] came by a take whose answer was lost.
func (c *Conn) Prepare(k Keys, r RunList) (Taken, error) {
	run := k.run(r)
	values, err := redis.Values(c.do("EVAL", prepareScript, 2, run, k.Notes(r.Instance), r.field(), r.Note.String()))
	if err == nil && len(values) != 2 {
		err = fmt.Errorf("the prepare script answered %d values instead of 2", len(values))
	}
	if err != nil {
		return Taken{}, fmt.Errorf("prepare %s: %w", run, err)
	}
	return taken(values[0], values[1]), nil
}

// taken reads an entry and its note as scripts answer them.
func taken(entry, note any) (t Taken) {
	text, _ := note.([]byte)
	t.Entry, _ = entry.([]byte)
	if t.Entry != nil {
		t.Note, _ = readNote(string(text))
	}
	return t
}
