package entry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

func TestDecode(t *testing.T) {
	env := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	tests := []struct {
		name string
		raw  string
		want Entry
	}{
		{"both properties", `{"args":["a","b"],"env":{"K":"V"}}`, Entry{Args: []string{"a", "b"}, Env: env("K", "V")}},
		{"properties are optional", `{}`, Entry{}},
		{"only args", `{"args":["a"]}`, Entry{Args: []string{"a"}}},
		{"only env", `{"env":{"K":"V"}}`, Entry{Env: env("K", "V")}},
		{"null runs without arguments", `null`, Entry{}},
		{"null with white space", " \t\r\nnull\n", Entry{}},
		{"trailing garbage after an object", `{"args":["a"]}}{]x`, Entry{Args: []string{"a"}}},
		{"trailing value after an object", `{"args":["a"]} {"args":["b"]}`, Entry{Args: []string{"a"}}},
		{"trailing NUL and invalid UTF-8", "{\"args\":[\"a\"]}\x00\xff", Entry{Args: []string{"a"}}},
		{"trailing garbage after null", `nullx`, Entry{}},
		{"unknown properties", `{"number":7,"args":["a"],"more":{"args":["no"],"env":[1]}}`, Entry{Args: []string{"a"}}},
		{"PHP's empty map", `{"args":[],"env":[]}`, Entry{Args: []string{}, Env: env()}},
		{"PHP's empty map with white space", `{"env":[ ]}`, Entry{Env: env()}},
		{"empty array after an object", `{"env":{"K":"V"},"env":[]}`, Entry{Env: env()}},
		{"null properties", `{"args":null,"env":null}`, Entry{}},
		{"null argument", `{"args":["a",null,"b"]}`, Entry{Args: []string{"a", "", "b"}}},
		{"null variable", `{"env":{"K":null}}`, Entry{Env: env("K", "")}},
		{"names without regard to case", `{"ARGS":["a"],"eNv":{"K":"V"}}`, Entry{Args: []string{"a"}, Env: env("K", "V")}},
		{"escaped name", `{"\u0061rg\u0073":["a"]}`, Entry{Args: []string{"a"}}},
		{"last args win", `{"args":["a","b"],"Args":["c"]}`, Entry{Args: []string{"c"}}},
		{"last args win, also null", `{"args":["a","b"],"args":null}`, Entry{}},
		{"env objects are joined", `{"env":{"A":"1","B":"1"},"env":{"B":"2"}}`, Entry{Env: env("A", "1", "B", "2")}},
		{"last variable wins", `{"env":{"A":"1","A":"2"}}`, Entry{Env: env("A", "2")}},
		{"error_message of an earlier failure", `{"args":["a"],"error_message":"exit status 3"}`, Entry{Args: []string{"a"}}},
		{"error_message of any type", `{"args":["a"],"error_message":5}`, Entry{Args: []string{"a"}}},
		{
			"spaces, quotes, newlines, unicode, empty, dashes",
			`{"args":["a b","\"q\" 'q'","x\ny\t","äöü ☃ 😀 \ud83d\ude00","","-rf","--","$(id)","]}"]}`,
			Entry{Args: []string{"a b", `"q" 'q'`, "x\ny\t", "äöü ☃ 😀 😀", "", "-rf", "--", "$(id)", "]}"}},
		},
		{"brackets in strings", `{"x":"}]\"}","args":["\\","{["]}`, Entry{Args: []string{`\`, "{["}}},
		{"env with = and NUL", `{"env":{"A=B":"=","N":"\u0000"}}`, Entry{Env: env("A=B", "=", "N", "\x00")}},
		{"bytes that are not UTF-8", "{\"args\":[\"a\xffb\"],\"env\":{\"\xe9\":\"\xe8\"}}", Entry{Args: []string{"a\xffb"}, Env: env("\xe9", "\xe8")}},
		{"bytes that are not UTF-8 beside escapes", "{\"args\":[\"\\n\xff\\\\\"]}", Entry{Args: []string{"\n\xff\\"}}},
		{"bytes as Python escapes them", `{"args":["caf\udce9.txt","\udcc3\uDCA9","\ud83d\udce9"],"env":{"\udc80":"\udcff"},"id":"\udce9"}`, Entry{
			Args: []string{"caf\xe9.txt", "\xc3\xa9", "📩"}, Env: env("\x80", "\xff"), Orders: Orders{ID: "\xe9"},
		}},
		{"all short escapes", `{"args":["\"\\\/\b\f\n\r\t\u00e9\uFFFD"]}`, Entry{Args: []string{"\"\\/\b\f\n\r\té\ufffd"}}},
		{"null after args", `{"args":["a"],"args":[null]}`, Entry{Args: []string{""}}},
		{"lone surrogate in what has no meaning", `{"x":"\ud800","\ud800":1}`, Entry{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode([]byte(tt.raw))
			if err != nil {
				t.Fatalf("Decode(%q): %v", tt.raw, err)
			}
			// Alone, the value means the same.
			alone, err := Decode(got.JSON)
			if diff := cmp.Diff(got, alone); diff != "" || err != nil || !strings.Contains(tt.raw, string(got.JSON)) || !json.Valid(got.JSON) {
				t.Errorf("the value of %q is %q, %v:\n%s", tt.raw, got.JSON, err, diff)
			}
			if diff := cmp.Diff(tt.want, got, ignoreJSON()); diff != "" {
				t.Errorf("Decode(%q) (-want +got):\n%s", tt.raw, diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name   string
		raw    string
		offset int
		say    string // part of the message
	}{
		{"nothing", "", 0, "it is empty"},
		{"white space", " \n\t", 0, "it is empty"},
		{"array", ` ["a"]`, 1, "it is an array"},
		{"string", `"a"`, 0, "it is a string"},
		{"number", `12`, 0, "it is a number"},
		{"negative number", `-1`, 0, "it is a number"},
		{"boolean", `true`, 0, "it is a boolean"},
		{"text", `hello`, 0, "not valid JSON"},
		{"text like a boolean", `test`, 1, "not valid JSON"},
		{"text like a number", `- one`, 1, "not valid JSON"},
		{"array cut short", `["a"`, 0, "it is an array"},
		{"half of null", `nul`, 2, "not valid JSON"},
		{"cut short", `{"args":["a"`, 11, "unexpected end of JSON input"},
		{"cut inside a string", `{"args":["a`, 10, "unexpected end of JSON input"},
		{"cut behind a backslash", `{"args":["a\`, 11, "not valid JSON"},
		{"trailing comma", `{"args":["a"],}`, 14, "invalid character '}'"},
		{"single quotes", `{'args':[]}`, 1, `invalid character '\''`},
		{"wrong bracket", `{"args":["a"}`, 12, "invalid character '}'"},
		{"raw line break in a string", "{\"args\":[\"a\nb\"]}", 11, "in string literal"},
		{"byte order mark", "\ufeff{}", 0, "not valid JSON"},
		{"args is a string", `{"args":"a"}`, 8, `"args" is a string`},
		{"args is an object", `{"args":{"0":"a"}}`, 8, `"args" is an object`},
		{"number among args", `{"args":["a", 5]}`, 14, `element 2 of "args" is a number`},
		{"boolean among args", `{"args":[true]}`, 9, `element 1 of "args" is a boolean`},
		{"array among args", `{"args":[["a"]]}`, 9, `element 1 of "args" is an array`},
		{"object among args", `{"args":[{}]}`, 9, `element 1 of "args" is an object`},
		{"first args at fault", `{"args":[1],"args":["a"]}`, 9, "is a number"},
		{"env is a list", `{"env":["K=V"]}`, 7, `"env" is an array`},
		{"env is a string", `{"env":"K=V"}`, 7, `"env" is a string`},
		{"number in env", `{"env":{"A":"1","PORT":80}}`, 23, `"PORT" of "env" is a number`},
		{"object in env", `{"env":{"A":{}}}`, 12, `"A" of "env" is an object`},
		{"high surrogate alone", `{"args":["a\ud800"]}`, 11, `element 1 of "args" contains the lone surrogate \ud800`},
		{"two high surrogates", `{"args":["","\ud83d\ud83d\ude00"]}`, 13, `element 2 of "args" contains the lone surrogate \ud83d`},
		{"low surrogate of no byte", `{"args":["\udc7f"]}`, 10, `one from \udc80 to \udcff`},
		{"low surrogate over bytes", `{"env":{"A":"\uDD00"}}`, 13, `"A" of "env" contains the lone surrogate \uDD00`},
		{"surrogate in a name", `{"env":{"\udbff":"x"}}`, 9, `a name in "env" contains`},
		{"surrogate in an id", `{"id":"\ud800"}`, 7, `"id" contains the lone surrogate`},
		{"surrogate in a time", `{"run_at":"\ud800"}`, 11, `"run_at" contains the lone surrogate`},
		{"surrogate in a duration", `{"delay":"\ud800"}`, 10, `"delay" contains the lone surrogate`},
		{"record of a text", `{"raw":"user 42","outcome":"unreadable","error_message":"m"}`, 1, `push a corrected entry`},
		{"record of bytes", `{"outcome":"unreadable","raw_base64":"/w=="}`, 24, `push a corrected entry`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := Decode([]byte(tt.raw))
			var decodeErr *DecodeError
			if !errors.As(err, &decodeErr) {
				t.Fatalf("Decode(%q) = %+v, %v; want a *DecodeError", tt.raw, e, err)
			}
			if decodeErr.Offset != tt.offset {
				t.Errorf("offset = %d, want %d (%v)", decodeErr.Offset, tt.offset, err)
			}
			if !strings.Contains(err.Error(), tt.say) {
				t.Errorf("message %q does not say %q", err, tt.say)
			}
			if e.Args != nil || e.Env != nil {
				t.Errorf("a refused entry yielded %+v", e)
			}
		})
	}
}

func TestDecodeErrorUnwrapsSyntaxError(t *testing.T) {
	_, err := Decode([]byte(`{"args":}`))
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		t.Errorf("%v does not wrap a *json.SyntaxError", err)
	}
}

// A person must understand the message without a manual.
func TestDecodeErrorMessage(t *testing.T) {
	_, err := Decode([]byte(`{"args":["a",5]}`))
	want := `cannot read the entry: element 2 of "args" is a number at byte 13; every argument must be a string, such as "5"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDecodeErrorBoundsNames(t *testing.T) {
	_, err := Decode([]byte(`{"env":{"` + strings.Repeat("K", 1<<20) + `":1}}`))
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("message of %d bytes, want a short one", len(err.Error()))
	}
}

func TestDecodeThousandArguments(t *testing.T) {
	want := make([]string, 1000)
	for i := range want {
		want[i] = strings.Repeat("x", i)
	}
	raw, err := json.Marshal(map[string]any{"args": want})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Args); diff != "" {
		t.Error(diff)
	}
}

// Bytes that Python writes with json.dumps(os.fsdecode(b)) arrive unchanged.
func TestDecodeBytesAsPythonWritesThem(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := make([]byte, random.IntN(12))
		for i := range b {
			b[i] = byte(random.Uint32())
			if random.IntN(2) == 0 {
				b[i] = "\xc3\xa9\xf0\x9f\x98\x80\\\"\x00a"[random.IntN(10)]
			}
		}
		text := `"` + surrogateEscaped(b) + `"`
		e, err := Decode([]byte(`{"args":[` + text + `],"env":{` + text + ":" + text + `}}`))
		if err != nil || e.Args[0] != string(b) || e.Env[string(b)] != string(b) {
			t.Fatalf("%q, written as %s, arrives as %q and %q, %v", b, text, e.Args, e.Env, err)
		}
	}
}

// surrogateEscaped returns the form in which Python writes bytes: ASCII, with \udcXX for a byte that
// is not UTF-8.
func surrogateEscaped(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\udc%02x`, b[0])
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		b = b[size:]
	}
	return out.String()
}

// The log names an unreadable entry by its id, if the id is readable.
func TestDecodeErrorComesWithTheID(t *testing.T) {
	for raw, want := range map[string]string{
		`{"id":"invoice-7","args":[5]}`:                       "invoice-7",
		`{"args":[5],"id":"invoice-7"}`:                       "invoice-7",
		`{"run_at":"soon","id":7,"delay":"later"}`:            "7",
		`{"raw":"x","outcome":"unreadable","id":"invoice-7"}`: "invoice-7",
		`{"id":"a\nb","args":[5]}`:                            "",
	} {
		e, err := Decode([]byte(raw))
		if err == nil || e.ID != want || e.Args != nil || e.JSON != nil {
			t.Errorf("Decode(%s) = %+v, %v", raw, e, err)
		}
	}
}

func TestDecodeGuesses(t *testing.T) {
	for raw, want := range map[string]string{
		`{"arg":["a"]}`:                              "args",
		`{"argv":["a"],"ARGUMENTS":1}`:               "args args",
		`{"agrs":["a"]}`:                             "args",
		`{"environment":{},"envs":1}`:                "env env",
		`{"ENV":{},"Args":[],"ID":1}`:                "", // case does not matter
		`{"args":[],"params":{"a":1}}`:               "", // the entry has args
		`{"run-at":1,"runAt":2,"scheduled_at":3}`:    "run_at run_at run_at",
		`{"delay_s":1,"delaySeconds":2,"dealy":3}`:   "delay delay delay",
		`{"time_out":1,"timeout_ms":5}`:              "timeout timeout",
		`{"expires":1,"dead_line":2}`:                "deadline deadline",
		`{"job_id":1,"entryId":2}`:                   "id id",
		`{"user":1,"priority":2,"queue":3,"data":4}`: "",
		`{"arg":["a"],"id":{},"delay":"x"}`:          "args", // also if the entry is refused
		string(Failed(noLimit, []byte(`{}`), Failure{Outcome: "failed", TaskID: "x", Attempt: 1, StartedAt: time.Now(), Exited: true, Signal: "s", Usage: usage.Usage{UserCPU: 1, SystemCPU: 1, PeakMemory: 1, ReadBytes: 1, WrittenBytes: 1}})): "",
	} {
		e, _ := Decode([]byte(raw))
		var got []string
		for _, g := range e.Guesses {
			got = append(got, g.Meant)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: guessed %q, want %q", raw, got, want)
		}
	}
}
