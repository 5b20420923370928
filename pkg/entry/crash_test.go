package entry

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCrashesAreCounted(t *testing.T) {
	const window = 72 * time.Hour
	first := time.Unix(1767225600, 0)
	raw := []byte(`{"args":["x"]}`)
	for i, want := range []string{
		`{"args":["x"],"gordon":{"attempts":0,"crashes":1,"crashed_since":1767225600}}`,
		`{"args":["x"],"gordon":{"attempts":0,"crashes":2,"crashed_since":1767225600}}`,
		`{"args":["x"],"gordon":{"attempts":0,"crashes":3,"crashed_since":1767225600}}`,
	} {
		p, err := PastOf(raw)
		if err != nil {
			t.Fatal(err)
		}
		raw = WithPast(noLimit, raw, p.Crashed(first.Add(time.Duration(i)*time.Hour), window))
		if string(raw) != want {
			t.Errorf("after crash %d: %s", i+1, raw)
		}
	}
	p, err := PastOf(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := Past{Crashes: 1, CrashedSince: first.Add(window).Unix()}
	if diff := cmp.Diff(want, p.Crashed(first.Add(window), window)); diff != "" {
		t.Errorf("a count that is over goes on: %s", diff)
	}
}

func TestWithPast(t *testing.T) {
	p := Past{Attempts: 1, TaskID: "h-1.t.2", Crashes: 2, CrashedSince: 7}
	const noted = `"gordon":{"attempts":1,"task_id":"h-1.t.2","crashes":2,"crashed_since":7}`
	for raw, want := range map[string]string{
		`null`:                                   `{` + noted + `}`,
		`{}`:                                     `{` + noted + `}`,
		`{ "args" : ["a"],"x":1.50 }tail`:        `{ "args" : ["a"],"x":1.50,` + noted + ` }`,
		`{"delay":5,"run_at":7}`:                 `{"delay":5,"run_at":7,` + noted + `}`,
		`{"gordon":{"attempts":9},"args":[]}`:    `{"args":[],` + noted + `}`,
		`{"outcome":"failed","error_message":1}`: `{"outcome":"failed","error_message":1,` + noted + `}`,
		`[]`:                                     ``, ``: ``, `{"args":`: ``,
	} {
		got := WithPast(noLimit, []byte(raw), p)
		if string(got) != want {
			t.Errorf("WithPast(%s) = %s\nwant %s", raw, got, want)
		}
		if want == "" {
			continue
		}
		if again, err := PastOf(got); err != nil || again != p {
			t.Errorf("PastOf(%s) = %+v, %v", got, again, err)
		}
	}
	if got := WithPast(100, []byte(`{"args":["`+strings.Repeat("x", 80)+`"]}`), p); got != nil {
		t.Errorf("%d bytes within 100", len(got))
	}
}

func TestPastOf(t *testing.T) {
	for raw, want := range map[string]Past{
		`null`: {}, `{}`: {}, `{"args":"unreadable"}`: {},
		`{"gordon":{"attempts":1,"task_id":"a"}}`:            {Attempts: 1, TaskID: "a"},
		`{"gordon":{"crashes":1},"error_message":"a"}`:       {},
		`{"error_message":"a","gordon":{"crashes":1}}`:       {Crashes: 1},
		`{"error_message":"a","gordon":{"crashed_since":1}}`: {CrashedSince: 1},
	} {
		if got, err := PastOf([]byte(raw)); err != nil || got != want {
			t.Errorf("PastOf(%s) = %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{``, `[]`, `{"args":`, `{"gordon":1}`, `{"gordon":{"crashes":-1}}`, `{"gordon":{"crashes":1e10}}`} {
		if got, err := PastOf([]byte(raw)); err == nil {
			t.Errorf("PastOf(%s) = %+v", raw, got)
		}
	}
}
