package entry

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var seeds = []string{
	``, `null`, `{}`, `{ }`, `nullx`, `[]`, `"a"`, `5`, `{"args":["a",null],"env":{"A":"1"}}`,
	`{"args":["a"]}trailing`, `{"env":[]}`, `{"env":["x"]}`, `{"ARGS":["b"],"args":["c"]}`, `{"args":[1]}`,
	`{"error_message":"x","args":["\u0000\ud800"]}`, `{ "error_message" : 1 , "error\u005fmessage":[{}] , "a" : -1.5e3 }`,
	"{\"args\":[\"\xff\"],\"\xff\":1}", `{"arg\u017f":["long s"],"ar` + "\u212a" + `s":1}`, `{"a":"}\"]","b":{"c":[]}}`, `{"args":["a"`, `{"a":1,}`,
	`{"id":"x","run_at":1.5,"delay":"1m","deadline":"2026-01-01T00:00:00Z","timeout":5}`, `{"ID":{},"Delay":-1,"gordon":{"attempts":1}}`,
	`{"args":["a","b"],"args":[null]}`, `{"env":{"A":"1"},"env":{"B":"2"},"ENV":null}`,
}

// old16 decodes as Gordon 1.6.5 did, but for its error_message.
func old16(raw []byte) (Entry, error) {
	var e struct {
		Args []string          `json:"args"`
		Env  map[string]string `json:"env"`
	}
	err := json.NewDecoder(bytes.NewReader(raw)).Decode(&e)
	return Entry{Args: e.Args, Env: e.Env}, err
}

// ignoreJSON leaves out the bytes that an entry was read from.
func ignoreJSON() cmp.Option { return cmpopts.IgnoreFields(Entry{}, "JSON") }

// has reports whether raw is an object with one of these properties.
func has(raw []byte, names ...string) bool {
	object, err := locate(raw)
	if err != nil || raw[object.start] != '{' {
		return false
	}
	for m := range members(raw[:object.end], object.start) {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(string(name(m.key.of(raw))), n) }) {
			return true
		}
	}
	return false
}

// orders are the properties that had no meaning in 1.6.5.
var orders = []string{"id", "run_at", "delay", "deadline", "timeout", noteProperty}

// exact reports whether 1.6.5 read the strings of an entry as they were pushed. It replaced
// bytes that are not UTF-8 by U+FFFD, and a null in a second args by the element of the
// first args at the same place.
func exact(raw []byte) bool {
	lower := bytes.ToLower(raw)
	return utf8.Valid(raw) && !bytes.Contains(lower, []byte(`\ud`)) &&
		!(bytes.Contains(raw, []byte("null")) && bytes.Count(lower, []byte("arg")) > 1)
}

// FuzzDecode checks that each entry that 1.6.5 could read is read in the same way, except
// entries with invalid orders and records of unreadable entries, and that nothing more is
// read except PHP's empty env.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := Decode(raw)
		want, oldErr := old16(raw)
		if err != nil {
			var decodeErr *DecodeError
			if !errors.As(err, &decodeErr) || decodeErr.Offset < 0 || decodeErr.Offset > len(raw) || !utf8.ValidString(err.Error()) {
				t.Fatalf("bad error %#v", err)
			}
			if oldErr == nil && exact(raw) && !has(raw, append(orders, rawText, rawBase64)...) {
				t.Fatalf("%q is refused (%v), but 1.6.5 read %+v", raw, err, want)
			}
			return
		}
		if oldErr != nil {
			var typeErr *json.UnmarshalTypeError
			if !errors.As(oldErr, &typeErr) || typeErr.Value != "array" {
				t.Fatalf("%q is read as %+v, but 1.6.5 said %v", raw, got, oldErr)
			}
			return
		}
		if !exact(raw) {
			return
		}
		got.Orders, got.Past, got.Guesses = Orders{}, Past{}, nil
		if diff := cmp.Diff(want, got, ignoreJSON()); diff != "" {
			t.Fatalf("%q (-1.6.5 +got):\n%s", raw, diff)
		}
	})
}

// FuzzFailed checks the properties of a failed record.
func FuzzFailed(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "exit status 3")
	}
	f.Fuzz(func(t *testing.T, raw []byte, message string) {
		record := Failed(noLimit, raw, Failure{Message: message})
		var got map[string]json.RawMessage
		if err := json.Unmarshal(record, &got); err != nil {
			t.Fatalf("Failed(%q) = %q: %v", raw, record, err)
		}
		var said string
		if err := json.Unmarshal(got["error_message"], &said); err != nil || said != string([]rune(shorten(message, maxMessage))) {
			t.Fatalf("error_message %q, want %q (%v)", said, message, err)
		}
		if n := quotedLen(shorten(message, 1<<10)); n > 1<<10 {
			t.Fatalf("error_message %q has %d bytes, want at most 1 KiB", message, n)
		}
		if got["args"] == nil || got["env"] == nil {
			t.Fatalf("Failed(%q) = %q", raw, record)
		}
		if _, err := locate(raw); err != nil {
			// The record was made by wrap: it is unreadable too, with the same text.
			_, err := Decode(record)
			if twice := Failed(noLimit, record, Failure{Message: message, Outcome: Unreadable}); err == nil || !bytes.Equal(record, twice) {
				t.Fatalf("pushed back it is read, %v, or changes from %q to %q", err, record, twice)
			}
			return
		}
		if has(raw, append(failureProperties()[1:], noteProperty)...) {
			return // the record of such an entry loses them
		}
		if again := Failed(noLimit, Failed(noLimit, raw, Failure{Message: "first"}), Failure{Message: message}); !bytes.Equal(record, again) {
			t.Fatalf("pushed back it changes from %q to %q", record, again)
		}
		want, err := Decode(raw)
		after, afterErr := Decode(record)
		if (err == nil) != (afterErr == nil) {
			t.Fatalf("%q: %v; its record %q: %v", raw, err, record, afterErr)
		}
		if diff := cmp.Diff(want, after, cmpopts.EquateEmpty(), ignoreJSON(), cmpopts.IgnoreFields(Entry{}, "Guesses")); diff != "" {
			t.Fatalf("%q (-entry +record):\n%s", raw, diff)
		}
	})
}

// FuzzLater checks the properties of a delayed entry.
func FuzzLater(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		later := Later(noLimit, raw, Past{Attempts: 2, TaskID: "host-1.t.7"})
		want, err := Decode(raw)
		if _, located := locate(raw); (later == nil) != (located != nil) {
			t.Fatalf("Later(%q) = %q, and locate says %v", raw, later, located)
		}
		if later == nil || err != nil {
			return
		}
		got, err := Decode(later)
		if err != nil {
			t.Fatalf("Later(%q) = %q: %v", raw, later, err)
		}
		want.RunAt, want.Delay = time.Time{}, 0
		want.Past = Past{Attempts: 2, TaskID: "host-1.t.7"}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), ignoreJSON()); diff != "" {
			t.Fatalf("%q (-entry +later):\n%s", raw, diff)
		}
		if again := Later(noLimit, later, want.Past); !bytes.Equal(later, again) {
			t.Fatalf("put off once more it changes from %q to %q", later, again)
		}
	})
}

// FuzzWithPast checks that a note on an entry changes nothing else.
func FuzzWithPast(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"error_message":"a","gordon":{"crashes":1},"Gordon":2}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := Past{Attempts: 1, TaskID: "host-1.t.7", Crashes: 2, CrashedSince: 3}
		noted := WithPast(noLimit, raw, p)
		want, err := Decode(raw)
		if _, located := locate(raw); (noted == nil) != (located != nil) {
			t.Fatalf("WithPast(%q) = %q, and locate says %v", raw, noted, located)
		}
		if noted == nil || err != nil {
			return
		}
		if got, err := PastOf(noted); err != nil || got != p {
			t.Fatalf("PastOf(%q) = %+v, %v", noted, got, err)
		}
		got, err := Decode(noted)
		if err != nil {
			t.Fatalf("WithPast(%q) = %q: %v", raw, noted, err)
		}
		got.Past, want.Past = Past{}, Past{}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), ignoreJSON()); diff != "" {
			t.Fatalf("%q (-entry +noted):\n%s", raw, diff)
		}
		if again := WithPast(noLimit, noted, p); !bytes.Equal(noted, again) {
			t.Fatalf("noted once more it changes from %q to %q", noted, again)
		}
	})
}
