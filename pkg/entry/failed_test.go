package entry

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFailed(t *testing.T) {
	tests := []struct {
		name    string
		raw     string
		message string
		want    string
	}{
		{"an object gains error_message", `{"args":["a"],"env":{"K":"V"}}`, "exit status 3", `{"args":["a"],"env":{"K":"V"},"error_message":"exit status 3"}`},
		{"empty object", `{}`, "m", `{"args":[],"env":{},"error_message":"m"}`},
		{"empty object with white space", `{ }`, "m", `{"args":[],"env":{},"error_message":"m" }`},
		{"null", ` null `, "m", `{"args":[],"env":{},"error_message":"m"}`},
		{"trailing bytes are dropped", `{"args":[]} }x`, "m", `{"args":[],"env":{},"error_message":"m"}`},
		{"leading white space is dropped", "\n {\"a\":1}", "m", `{"a":1,"args":[],"env":{},"error_message":"m"}`},
		{
			"numbers, order, duplicates and white space stay",
			"{ \"z\" : 1.50e+2 ,\n\"id\":12345678901234567890, \"a\":1,\"a\":2 }", "m",
			"{ \"z\" : 1.50e+2 ,\n\"id\":12345678901234567890, \"a\":1,\"a\":2,\"args\":[],\"env\":{},\"error_message\":\"m\" }",
		},
		{"replaces the last", `{"args":["a"],"error_message":"old"}`, "new", `{"args":["a"],"env":{},"error_message":"new"}`},
		{"replaces the only one", `{"error_message":"old"}`, "new", `{"args":[],"env":{},"error_message":"new"}`},
		{"replaces the first", `{"error_message":"old","args":["a"]}`, "new", `{"args":["a"],"env":{},"error_message":"new"}`},
		{"replaces all", `{"error_message":1,"a":1,"error_message":[{}],"b":2,"error_message":null}`, "new", `{"a":1,"b":2,"args":[],"env":{},"error_message":"new"}`},
		{"replaces an escaped name", `{"a":1,"error\u005fmessage":"old"}`, "new", `{"a":1,"args":[],"env":{},"error_message":"new"}`},
		{"white space around the replaced", `{ "error_message" : "old" , "a":1 }`, "new", `{ "a":1,"args":[],"env":{},"error_message":"new" }`},
		{"other spellings stay", `{"Error_Message":"old"}`, "new", `{"Error_Message":"old","args":[],"env":{},"error_message":"new"}`},
		{"nested ones stay", `{"x":{"error_message":"old"}}`, "new", `{"x":{"error_message":"old"},"args":[],"env":{},"error_message":"new"}`},
		{"no HTML escaping", `{"args":["<a>&"]}`, "<b>&", `{"args":["<a>&"],"env":{},"error_message":"<b>&"}`},
		{"message is quoted", `{}`, "a \"b\"\n\\c\t\x01", `{"args":[],"env":{},"error_message":"a \"b\"\n\\c\t\u0001"}`},
		{"unreadable property", `{"args":[5]}`, "m", `{"args":[5],"env":{},"error_message":"m"}`},
		{"invalid UTF-8 in an object stays", "{\"args\":[\"\xff\"]}", "m", "{\"args\":[\"\xff\"],\"env\":{},\"error_message\":\"m\"}"},
		{"invalid UTF-8 in the message", `{}`, "a\xffb", `{"args":[],"env":{},"error_message":"a\ufffdb"}`},
		{"array", `["a"] `, "m", `{"raw":"[\"a\"] ","args":[],"env":{},"outcome":"unreadable","error_message":"m"}`},
		{"text", `hello <you>`, "m", `{"raw":"hello <you>","args":[],"env":{},"outcome":"unreadable","error_message":"m"}`},
		{"nothing", ``, "m", `{"raw":"","args":[],"env":{},"outcome":"unreadable","error_message":"m"}`},
		{"bad JSON", `{"args":`, "m", `{"raw":"{\"args\":","args":[],"env":{},"outcome":"unreadable","error_message":"m"}`},
		{"bad JSON with an end", `{"args":x}`, "m", `{"raw":"{\"args\":x}","args":[],"env":{},"outcome":"unreadable","error_message":"m"}`},
		{"bytes that are not UTF-8", "\xff\xfe", "m", `{"raw":"\ufffd\ufffd","raw_base64":"//4=","args":[],"env":{},"outcome":"unreadable","error_message":"m"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte(tt.raw)
			got := Failed(noLimit, raw, Failure{Message: tt.message})
			if string(got) != tt.want {
				t.Errorf("Failed(%q, %q)\n got %q\nwant %q", tt.raw, tt.message, got, tt.want)
			}
			if !json.Valid(got) {
				t.Errorf("%q is not valid JSON", got)
			}
			if string(raw) != tt.raw {
				t.Errorf("Failed changed its argument to %q", raw)
			}
		})
	}
}

// A reader that ignores case, such as Gordon 1.6.5, sees our message too.
func TestFailedMessageWinsForReadersThatIgnoreCase(t *testing.T) {
	record := Failed(noLimit, []byte(`{"Error_Message":"old","ERROR_MESSAGE":"older"}`), Failure{Message: "new"})
	var old struct {
		ErrorMessage string `json:"error_message"`
	}
	if err := json.Unmarshal(record, &old); err != nil {
		t.Fatal(err)
	}
	if old.ErrorMessage != "new" {
		t.Errorf("a reader of 1.6.5 sees %q", old.ErrorMessage)
	}
}

func TestFailedKeepsEveryByteInBase64(t *testing.T) {
	raw := make([]byte, 256)
	for i := range raw {
		raw[i] = byte(i)
	}
	var record struct {
		Base64 string `json:"raw_base64"`
	}
	if err := json.Unmarshal(Failed(noLimit, raw, Failure{Message: "m"}), &record); err != nil {
		t.Fatal(err)
	}
	got, err := base64.StdEncoding.DecodeString(record.Base64)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(raw, got); diff != "" {
		t.Error(diff)
	}
}

// A reader of the failed list finds args and env in every record, with the values that the
// entry had under any spelling.
func TestFailedHasArgsAndEnv(t *testing.T) {
	for raw, want := range map[string]string{
		`{"env":{"A":"1"}}`:                 `{"env":{"A":"1"},"args":[],"error_message":"m"}`,
		`{"ARGS":["a"],"Env":{"A":"1"}}`:    `{"ARGS":["a"],"Env":{"A":"1"},"args":["a"],"env":{"A":"1"},"error_message":"m"}`,
		`{"Args":["a"],"aRGS":["b"]}`:       `{"Args":["a"],"aRGS":["b"],"args":["b"],"env":{},"error_message":"m"}`,
		`{"ENV":{"A":"1"},"Env":{"B":"2"}}`: `{"ENV":{"A":"1"},"Env":{"B":"2"},"args":[],"env":{"B":"2"},"error_message":"m"}`,
		`{"args":null,"env":[]}`:            `{"args":null,"env":[],"error_message":"m"}`,
	} {
		record := Failed(noLimit, []byte(raw), Failure{Message: "m"})
		if string(record) != want {
			t.Errorf("the record of %s is\n%s, want\n%s", raw, record, want)
		}
		first, _ := Decode([]byte(raw))
		again, err := Decode(record)
		if diff := cmp.Diff(first, again, ignoreJSON(), cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s, pushed back, is another entry: %v\n%s", raw, err, diff)
		}
	}
}

// The record of an unreadable entry has no arguments. If somebody pushes it back, the script
// must not run without them.
func TestRecordOfNoEntryIsNone(t *testing.T) {
	for _, raw := range []string{"user 42", "", `["a"]`, `{"args":`, "\xff", `"x"`} {
		for _, outcome := range []string{"unreadable", "crashed", ""} { // recovery does not look into an entry
			record := Failed(noLimit, []byte(raw), Failure{Message: "m", Outcome: outcome})
			_, err := Decode(record)
			if err == nil {
				t.Fatalf("%s is read", record)
			}
			again := Failed(noLimit, record, Failure{Message: "m", Outcome: "unreadable"})
			if string(again) != string(record) {
				t.Errorf("pushed back, %s becomes %s", record, again)
			}
			short := []byte(strings.Replace(string(record), `"outcome":"unreadable",`, "", 1))
			if _, err := Decode(short); err == nil {
				t.Errorf("%s is read", short)
			}
			bare := []byte(strings.Replace(string(record), `,"error_message":"m"`, "", 1))
			if again := Failed(noLimit, bare, Failure{Message: "m", Outcome: "unreadable"}); string(again) != string(record) {
				t.Errorf("pushed back without its message, %s becomes %s", record, again)
			}
		}
	}
	for _, raw := range []string{
		`{"raw":"a producer's own","args":["a"]}`,
		`{"raw":"a producer's own","args":["a"],"outcome":"failed","error_message":"m"}`,
		`{"args":["a"],"outcome":"unreadable","error_message":"m"}`,
		`{"raw":"x","outcome":5}`, `{"raw":"x","outcome":["unreadable"]}`,
	} {
		if _, err := Decode([]byte(raw)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// The limit of an error_message is its length in Redis, not the length of the output.
func TestFailedBoundsTheMessage(t *testing.T) {
	for name, output := range map[string]string{
		"control characters": strings.Repeat("\x01", 128<<10),
		"no UTF-8":           strings.Repeat("\xe9\xff", 64<<10),
		"quotes":             strings.Repeat(`\"`, 64<<10),
		"wide":               strings.Repeat("\u2028😀é", 32<<10),
		"text":               strings.Repeat("0123456789 0123456789 0123456789\n", 6<<10),
	} {
		message := "exit status 3\n" + output + "the end"
		record := Failed(noLimit, []byte(`{}`), Failure{Message: message})
		if len(record) > maxMessage+100 || len(record) < maxMessage-100 {
			t.Errorf("%s: a record of %d bytes, want nearly %d", name, len(record), maxMessage)
		}
		var got struct {
			Message string `json:"error_message"`
		}
		if err := json.Unmarshal(record, &got); err != nil {
			t.Fatal(err)
		}
		head, tail, _ := strings.Cut(got.Message, "\n[")
		left, tail, found := strings.Cut(tail, " bytes left out]\n")
		n, err := strconv.Atoi(left)
		plain := strings.NewReplacer("\ufffd", "x")
		if !found || err != nil || n <= 0 || !strings.HasPrefix(head, "exit status 3\n") || !strings.HasSuffix(tail, "the end") ||
			len(head) > headMessage || !strings.Contains(plain.Replace(asRead(t, message)), plain.Replace(tail)) {
			t.Errorf("%s: %q … %q left out, %v … %q", name, head[:20], left, err, tail[len(tail)-20:])
		}
	}
	// The last 64 KiB of both streams are kept.
	message := "exit status 3\n" + strings.Repeat(strings.Repeat("x", 60)+"\n", 2*(64<<10)/61)
	if got := Failed(noLimit, []byte(`{}`), Failure{Message: message}); strings.Contains(string(got), "left out") {
		t.Errorf("%d bytes of output are cut", len(message))
	}
}

// asRead returns a text as a reader of JSON gets it.
func asRead(t *testing.T, text string) string {
	t.Helper()
	var read string
	if err := json.Unmarshal(appendQuoted(nil, text), &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// Pushed back and failed again, an entry is as long as after its first failure.
func TestFailedDoesNotGrow(t *testing.T) {
	for _, raw := range []string{`null`, `{}`, `{ }`, `{"a":1 }`, "{\n\t\"a\": 1\n}\n", `{"error_message":"x" , "a":1 , "error_message":2 }`} {
		once := Failed(noLimit, []byte(raw), Failure{Message: "m"})
		again := Failed(noLimit, Failed(noLimit, []byte(raw), Failure{Message: "another"}), Failure{Message: "m"})
		if string(once) != string(again) {
			t.Errorf("%q: once %q, twice %q", raw, once, again)
		}
	}
}

func TestDeepNesting(t *testing.T) {
	const depth = 100_000
	for _, raw := range []string{
		`{"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`,
		`{"x":` + strings.Repeat(`{"x":`, depth) + `1` + strings.Repeat("}", depth) + `}`,
		strings.Repeat("[", depth),
		strings.Repeat(`{"args":`, depth),
	} {
		if _, err := Decode([]byte(raw)); err == nil {
			t.Errorf("Decode accepted a nesting that encoding/json refuses: %.20s…", raw)
		}
		var record map[string]any
		if err := json.Unmarshal(Failed(noLimit, []byte(raw), Failure{Message: "m"}), &record); err != nil {
			t.Fatal(err)
		}
		if record["raw"] != raw || record["error_message"] != "m" {
			t.Errorf("the record of %.20s… lost something", raw)
		}
	}
}
