package entry

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFailed(t *testing.T) {
	tests := []struct {
		name    string
		raw     string
		message string
		want    string
	}{
		{"an object gains error_message", `{"args":["a"],"env":{"K":"V"}}`, "exit status 3", `{"args":["a"],"env":{"K":"V"},"error_message":"exit status 3"}`},
		{"empty object", `{}`, "m", `{"error_message":"m"}`},
		{"empty object with white space", `{ }`, "m", `{"error_message":"m" }`},
		{"null", ` null `, "m", `{"error_message":"m"}`},
		{"trailing bytes are dropped", `{"args":[]} }x`, "m", `{"args":[],"error_message":"m"}`},
		{"leading white space is dropped", "\n {\"a\":1}", "m", `{"a":1,"error_message":"m"}`},
		{
			"numbers, order, duplicates and white space stay",
			"{ \"z\" : 1.50e+2 ,\n\"id\":12345678901234567890, \"a\":1,\"a\":2 }", "m",
			"{ \"z\" : 1.50e+2 ,\n\"id\":12345678901234567890, \"a\":1,\"a\":2,\"error_message\":\"m\" }",
		},
		{"replaces the last", `{"args":["a"],"error_message":"old"}`, "new", `{"args":["a"],"error_message":"new"}`},
		{"replaces the only one", `{"error_message":"old"}`, "new", `{"error_message":"new"}`},
		{"replaces the first", `{"error_message":"old","args":["a"]}`, "new", `{"args":["a"],"error_message":"new"}`},
		{"replaces all", `{"error_message":1,"a":1,"error_message":[{}],"b":2,"error_message":null}`, "new", `{"a":1,"b":2,"error_message":"new"}`},
		{"replaces an escaped name", `{"a":1,"error\u005fmessage":"old"}`, "new", `{"a":1,"error_message":"new"}`},
		{"white space around the replaced", `{ "error_message" : "old" , "a":1 }`, "new", `{ "a":1,"error_message":"new" }`},
		{"other spellings stay", `{"Error_Message":"old"}`, "new", `{"Error_Message":"old","error_message":"new"}`},
		{"nested ones stay", `{"x":{"error_message":"old"}}`, "new", `{"x":{"error_message":"old"},"error_message":"new"}`},
		{"no HTML escaping", `{"args":["<a>&"]}`, "<b>&", `{"args":["<a>&"],"error_message":"<b>&"}`},
		{"message is quoted", `{}`, "a \"b\"\n\\c\t\x01", `{"error_message":"a \"b\"\n\\c\t\u0001"}`},
		{"unreadable property", `{"args":[5]}`, "m", `{"args":[5],"error_message":"m"}`},
		{"invalid UTF-8 in an object stays", "{\"args\":[\"\xff\"]}", "m", "{\"args\":[\"\xff\"],\"error_message\":\"m\"}"},
		{"invalid UTF-8 in the message", `{}`, "a\xffb", `{"error_message":"a\ufffdb"}`},
		{"array", `["a"] `, "m", `{"raw":"[\"a\"] ","error_message":"m"}`},
		{"text", `hello <you>`, "m", `{"raw":"hello <you>","error_message":"m"}`},
		{"nothing", ``, "m", `{"raw":"","error_message":"m"}`},
		{"bad JSON", `{"args":`, "m", `{"raw":"{\"args\":","error_message":"m"}`},
		{"bad JSON with an end", `{"args":x}`, "m", `{"raw":"{\"args\":x}","error_message":"m"}`},
		{"bytes that are not UTF-8", "\xff\xfe", "m", `{"raw":"\ufffd\ufffd","raw_base64":"//4=","error_message":"m"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte(tt.raw)
			got := Failed(raw, Failure{Message: tt.message})
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
	record := Failed([]byte(`{"Error_Message":"old","ERROR_MESSAGE":"older"}`), Failure{Message: "new"})
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
	if err := json.Unmarshal(Failed(raw, Failure{Message: "m"}), &record); err != nil {
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

// Pushed back and failed again, an entry is as long as after its first failure.
func TestFailedDoesNotGrow(t *testing.T) {
	for _, raw := range []string{`null`, `{}`, `{ }`, `{"a":1 }`, "{\n\t\"a\": 1\n}\n", `{"error_message":"x" , "a":1 , "error_message":2 }`} {
		once := Failed([]byte(raw), Failure{Message: "m"})
		again := Failed(Failed([]byte(raw), Failure{Message: "another"}), Failure{Message: "m"})
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
		var record map[string]string
		if err := json.Unmarshal(Failed([]byte(raw), Failure{Message: "m"}), &record); err != nil {
			t.Fatal(err)
		}
		if record["raw"] != raw || record["error_message"] != "m" {
			t.Errorf("the record of %.20s… lost something", raw)
		}
	}
}
