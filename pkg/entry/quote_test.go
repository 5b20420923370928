package entry

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzQuote checks that a string is written as encoding/json writes it.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "plain", "\x00\x01\x1f\x7f", "\b\f\n\r\t\"\\/", "<&>", "\u2028\u2029", "ü☃😀", "\xff\xc3", "a\xe2\x80", "\ufffd", "\xed\xa0\x80"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(string(s)); err != nil {
			t.Fatal(err)
		}
		expected := bytes.TrimSuffix(want.Bytes(), []byte("\n"))
		for _, got := range [][]byte{appendQuoted(nil, s), appendQuoted([]byte(nil), string(s))} {
			if !bytes.Equal(got, expected) {
				t.Fatalf("got  %s\nwant %s", got, expected)
			}
		}
		if n := quotedLen(s); n != len(expected) {
			t.Fatalf("quotedLen is %d, want %d", n, len(expected))
		}
	})
}

func TestFailedWithinALimit(t *testing.T) {
	for _, raw := range []string{`{"args":["a"]}`, `null`, `text`, "\x00\xff", `{`, ``} {
		record := Failed(noLimit, []byte(raw), Failure{Message: "message"})
		for limit := range 3 * len(record) {
			got := Failed(limit, []byte(raw), Failure{Message: "message"})
			switch {
			case len(got) > limit:
				t.Fatalf("%q: a record of %d bytes within %d", raw, len(got), limit)
			case got != nil && !bytes.Equal(got, record):
				t.Fatalf("%q: %q, want %q", raw, got, record)
			case got == nil && limit >= len(record)+100:
				t.Fatalf("%q: no record within %d, though it has %d bytes", raw, limit, len(record))
			}
		}
	}
}
