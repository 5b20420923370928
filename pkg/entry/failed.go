package entry

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// The properties by which a record is known when it is pushed.
const (
	errorMessage = "error_message"
	outcome      = "outcome"
	rawText      = "raw"
	rawBase64    = "raw_base64"
)

// Unreadable is the outcome of an unreadable entry.
const Unreadable = "unreadable"

// Failure is what a failed record contains besides the entry. Each field but Message is
// left out if it is zero.
type Failure struct {
	Message string // error_message: the reason, for a person; see shorten for its length
	// MessageMax limits error_message, in bytes with its escapes; 0 = 144 KiB.
	MessageMax int

	Outcome string // outcome: the reason, in a word or two
	TaskID  string // task_id: the run, as in the log
	Attempt int    // attempt: the number of the run, from 1

	StartedAt time.Time     // started_at, RFC 3339 in UTC
	Duration  time.Duration // duration_ms

	Exited     bool   // whether there is an exit_status
	ExitStatus int    // exit_status
	Signal     string // signal, such as "SIGKILL"

	Usage usage.Usage // cpu_user_ms, cpu_system_ms, peak_memory_bytes, io_read_bytes, io_written_bytes
}

// failureProperties are the properties that a record may have besides those of its entry.
func failureProperties() []string {
	return []string{
		errorMessage, outcome, "task_id", "attempt", "started_at", "duration_ms", "exit_status", "signal",
		"cpu_user_ms", "cpu_system_ms", "peak_memory_bytes", "io_read_bytes", "io_written_bytes",
	}
}

// isFailureProperty reports whether a property of a record was added by [Failed].
func isFailureProperty(key []byte) bool { return slices.Contains(failureProperties(), string(key)) }

// properties are the properties of the failure, error_message last.
func (f Failure) properties() (out []byte) {
	text := func(name, value string) {
		if value != "" {
			out = append(appendProperty(out, name, value), ',')
		}
	}
	number := func(name string, value int64, known bool) {
		if known {
			out = append(out, `"`+name+`":`...)
			out = append(strconv.AppendInt(out, value, 10), ',')
		}
	}
	positive := func(name string, value int64) { number(name, value, value > 0) }

	text(outcome, f.Outcome)
	text("task_id", f.TaskID)
	positive("attempt", int64(f.Attempt))
	if !f.StartedAt.IsZero() {
		text("started_at", f.StartedAt.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		number("duration_ms", f.Duration.Milliseconds(), true)
	}
	number("exit_status", int64(f.ExitStatus), f.Exited)
	text("signal", f.Signal)
	positive("cpu_user_ms", f.Usage.UserCPU.Milliseconds())
	positive("cpu_system_ms", f.Usage.SystemCPU.Milliseconds())
	positive("peak_memory_bytes", f.Usage.PeakMemory)
	positive("io_read_bytes", f.Usage.ReadBytes)
	positive("io_written_bytes", f.Usage.WrittenBytes)
	return appendProperty(out, errorMessage, shorten(f.Message, cmp.Or(f.MessageMax, maxMessage)))
}

// Failed returns the record of a failed entry: a JSON object with args and env whose last
// property is error_message. It returns nil if the record could be longer than limit
// bytes. A record that is nearly as long may count as longer.
//
// An object keeps its bytes, except for Gordon's own note and for what an earlier record
// has added: an entry that a person pushed back from the failed list must not grow with
// every failure. Spellings such as "Error_Message" stay: they are the producer's, and a
// reader that ignores case takes the last one, which is ours. If an entry that is not a
// record has properties of the same names, they stay too; the last one counts, which is
// ours.
//
// Bytes that are not an object become the string property raw, with the outcome
// unreadable. If they are not UTF-8, a string cannot contain them, and raw_base64 has them
// exactly (RFC 4648, standard alphabet, padded). Bytes after the JSON value of an object
// are dropped; Decode ignores them too.
func Failed(limit int, raw []byte, f Failure) []byte {
	object, err := locate(raw)
	if err != nil {
		f.Outcome = Unreadable // in any case: Decode knows the record by it
		added := append(missing(nil, span{}), f.properties()...)
		if rawLen(raw) > limit-len(added)-len(`{"raw":,"raw_base64":"",}`) {
			return nil
		}
		return wrap(raw, added)
	}
	raw, object = asObject(raw, object)
	added := append(missing(raw, object), f.properties()...)
	if object.end-object.start > limit-len(added)-len(`{,}`) {
		return nil
	}
	isRecord, _ := recordOf(raw, object)
	return rewrite(raw, object, added, func(key []byte) bool {
		return string(key) == noteProperty || isRecord && isFailureProperty(key)
	})
}

// missing returns the properties args and env, unless the object has them under exactly
// these names: a reader of the failed list finds both in every record. Decode accepts
// other spellings too, so the added property has their value. Of several properties the
// last one counts, and the added one comes after them.
func missing(raw []byte, object span) (added []byte) {
	for _, p := range []struct{ name, empty string }{{"args", "[]"}, {"env", "{}"}} {
		value, there := []byte(p.empty), false
		for m := range members(raw[:object.end], object.start) {
			key := name(m.key.of(raw))
			there = there || string(key) == p.name
			if equalFold(key, p.name) {
				value = m.value.of(raw)
			}
		}
		if !there {
			added = append(append(append(added, `"`+p.name+`":`...), value...), ',')
		}
	}
	return added
}

// rawLen is the length of the values of raw and raw_base64.
func rawLen(raw []byte) int {
	n := quotedLen(raw)
	if !utf8.Valid(raw) {
		n += base64.StdEncoding.EncodedLen(len(raw))
	}
	return n
}

// wrap returns the record of bytes that are not an object.
func wrap(raw, added []byte) []byte {
	out := make([]byte, 0, rawLen(raw)+len(added)+32)
	out = append(out, '{')
	out = appendProperty(out, rawText, raw)
	out = append(out, ',')
	if !utf8.Valid(raw) {
		out = append(out, `"`+rawBase64+`":"`...)
		out = base64.StdEncoding.AppendEncode(out, raw)
		out = append(out, '"', ',')
	}
	return append(append(out, added...), '}')
}

// appendProperty appends "name":"value".
func appendProperty[T bytestring](out []byte, name string, value T) []byte {
	out = append(out, '"')
	out = append(out, name...)
	out = append(out, '"', ':')
	return appendQuoted(out, value)
}
