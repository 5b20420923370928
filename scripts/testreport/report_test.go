package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const start = `{"Action":"start","Package":"p"}`

func TestReport(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		events []string
		want   string
		ok     bool
		// stories has the flag of this name set.
		stories bool
	}{
		{
			name: "passed", ok: true,
			events: []string{
				start,
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0}`,
				`{"Action":"output","Package":"p","Output":"PASS\n"}`,
				`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
				`{"Action":"pass","Package":"p","Elapsed":0.1}`,
			},
			want: "ok  \tp\t0.1s\n1 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "passed, with its story", ok: true, stories: true,
			events: []string{
				start,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:1: once upon a time\n"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p"}`,
			},
			want: "a_test.go:1: once upon a time\n1 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "failed",
			events: []string{
				start,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: bad\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"        very\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    helper.go:1: what it printed\n"}`,
				`{"Action":"fail","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Test":"TestB"}`,
				`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			want: "FAIL TestA: its output stands at the end\nFAIL\tp\t0.1s\n" +
				"    a_test.go:1: bad\n        very\n    helper.go:1: what it printed\n" +
				"in short:\nTestA\n    a_test.go:1: bad\n1 passed, 1 failed, 0 skipped\n",
		},
		{
			name: "skipped",
			events: []string{
				start,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:1: not root\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Test":"TestB"}`,
				`{"Action":"pass","Package":"p"}`,
			},
			want: "a_test.go:1: not root\na skipped test shows nothing: see above what it lacks\n1 passed, 0 failed, 1 skipped\n",
		},
		{
			name: "nothing ran",
			events: []string{
				start,
				`{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}`,
				`{"Action":"skip","Package":"p"}`,
			},
			want: "?   \tp\t[no test files]\nno test has passed\n0 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "does not build",
			events: []string{
				`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: undefined: x\n"}`,
				`{"ImportPath":"p [p.test]","Action":"build-fail"}`,
				start,
				`{"Action":"fail","Package":"p"}`,
				`{"Action":"start","Package":"q"}`,
				`{"Action":"pass","Package":"q","Test":"TestB"}`,
				`{"Action":"pass","Package":"q"}`,
			},
			want: "p.go:1: undefined: x\n1 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "a process that died",
			events: []string{
				start,
				`{"Action":"pass","Package":"p","Test":"TestB"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"goroutine 1\n"}`,
				`{"Action":"output","Package":"p","Test":"TestC","Output":"=== RUN   TestC\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			want: "panic: boom\ngoroutine 1\n=== RUN   TestC\nin short:\nTestA\npanic: boom\n1 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "go test was killed",
			events: []string{
				start,
				`{"Action":"pass","Package":"p","Test":"TestB"}`,
			},
			want: "p never ended\n1 passed, 0 failed, 0 skipped\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			r := newReport(&out, test.stories)
			if err := r.read(strings.NewReader(strings.Join(test.events, "\n"))); err != nil {
				t.Fatal(err)
			}
			ok := r.close()
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("the report (-want +got):\n%s", diff)
			}
			if ok != test.ok {
				t.Errorf("close() = %v, want %v", ok, test.ok)
			}
		})
	}
}

func TestReportRefusesOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ok p 0.1s", start + "\n{\"Action\":"} {
		if err := newReport(&bytes.Buffer{}, false).read(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read without an error", text)
		}
	}
}
