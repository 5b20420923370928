package entry

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// The properties of a record that are known when it comes back.
const (
	errorMessage = "error_message"
	outcome      = "outcome"
	rawText      = "raw"
	rawBase64    = "raw_base64"
)

// Unreadable is the outcome of what is no entry.
const Unreadable = "unreadable"

// Failure is what a failed entry's record says besides the entry. Everything but
// Message is left out where it is zero.
type Failure struct {
	Message string // error_message: why, for a person; cut where it is long, see bounded
	Outcome string // outcome: why, in a word or two
	TaskID  string // task_id: the run, as in the log
	Attempt int    // attempt: the number of the run, from 1

	StartedAt time.Time     // started_at, RFC 3339 in UTC
	Duration  time.Duration // duration_ms

	Exited     bool   // whether there is an exit_status
	ExitStatus int    // exit_status
	Signal     string // signal, such as "SIGKILL"

	Usage usage.Usage // cpu_user_ms, cpu_system_ms, peak_memory_bytes, io_read_bytes, io_written_bytes
}

// recorded are the properties that a record may have besides its entry's own.
func recorded() []string {
	return []string{
		errorMessage, outcome, "task_id", "attempt", "started_at", "duration_ms", "exit_status", "signal",
		"cpu_user_ms", "cpu_system_ms", "peak_memory_bytes", "io_read_bytes", "io_written_bytes",
	}
}

// isRecorded reports whether a property of a record was added by [Failed].
func isRecorded(key []byte) bool { return slices.Contains(recorded(), string(key)) }

// properties are those of the failure, error_message last.
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
	return appendProperty(out, errorMessage, bounded(f.Message))
}

// Failed returns the record of a failed entry: a JSON object with args and env
// whose last property is error_message.
//
// An object keeps its bytes and loses only what a record of before has added, so
// that an entry that a person pushed back from the failed list does not grow with
// every failure, and gordon's own note of its past. Spellings such as
// "Error_Message" stay: they are the producer's, and a reader that ignores case
// takes the last one, which is ours. So do properties of the names that a record
// has, in an entry that is none; the last one, which is ours, counts.
//
// What is not an object becomes the string property raw, with the outcome
// unreadable; where its bytes are not UTF-8 the string can't hold them and
// raw_base64 has them exactly (RFC 4648, standard alphabet, padded). Bytes after the
// JSON value are dropped from an object, which Decode ignores too.
func Failed(raw []byte, f Failure) []byte { return FailedWithin(math.MaxInt, raw, f) }

// FailedWithin is Failed, or nil where the record could be longer than limit
// bytes. One that is nearly as long may count as longer.
func FailedWithin(limit int, raw []byte, f Failure) []byte {
	object, err := locate(raw)
	if err != nil {
		f.Outcome = Unreadable // whatever happened to it: Decode knows the record by this
		added := append(missing(nil, span{}), f.properties()...)
		if recordLen(raw) > limit-len(added)-len(`{"raw":,"raw_base64":"",}`) {
			return nil
		}
		return wrap(raw, added)
	}
	raw, object = spread(raw, object)
	added := append(missing(raw, object), f.properties()...)
	if object.end-object.start > limit-len(added)-len(`{,}`) {
		return nil
	}
	again, _ := marks(raw, object)
	return rewrite(raw, object, added, func(key []byte) bool {
		return string(key) == past || again && isRecorded(key)
	})
}

// missing are args and env, as far as the object has them not under these very
// names: a reader of the failed list finds both in every record. Under another
// spelling they count for Decode, so that what is added has the same value; of
// several, the last one counts, and this is behind them.
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

// recordLen is how long raw and raw_base64 are.
func recordLen(raw []byte) int {
	n := quotedLen(raw)
	if !utf8.Valid(raw) {
		n += base64.StdEncoding.EncodedLen(len(raw))
	}
	return n
}

// wrap makes an object of bytes that are none.
func wrap(raw, added []byte) []byte {
	out := make([]byte, 0, recordLen(raw)+len(added)+32)
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
