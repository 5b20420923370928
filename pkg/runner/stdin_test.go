package runner_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// A script reads its standard input from one end to the other, in each of the
// usual ways.
func TestStdin(t *testing.T) {
	small := []byte(`{"args":["a b","ü"],"more":{"n":5}}`)
	large := []byte(`{"args":["` + strings.Repeat("0123456789", 100<<10) + `"]}`)
	for name, line := range map[string]string{
		"cat":                "cat",
		"/dev/stdin":         "cat /dev/stdin",
		"/proc/self/fd/0":    "cat /proc/self/fd/0",
		"a child reads":      "sh -c 'sh -c cat'",
		"twice":              "cat >/dev/null; cat /dev/stdin",
		"in the background":  "exec 3<&0; cat <&3 & wait",
		"perl":               "perl -e 'local $/; print <STDIN>'",
		"byte by byte first": "dd bs=1 count=1 2>/dev/null; cat",
	} {
		for _, content := range [][]byte{small, large} {
			out := t.TempDir() + "/out"
			s := sh(line+" >\"$OUT\"", privilege.Attributes{})
			if strings.Contains(line, ";") || strings.Contains(line, "&") {
				s = sh("{ "+line+"; } >\"$OUT\"", privilege.Attributes{})
			}
			s.Env, s.Stdin = append(s.Env, "OUT="+out), content
			p, err := runner.Start(s)
			if err != nil {
				t.Fatal(err)
			}
			want(t, p.Wait(), runner.Exited, "")
			if got, err := os.ReadFile(out); !bytes.Equal(got, content) || err != nil {
				t.Errorf("%s: %d bytes read of %d, %v", name, len(got), len(content), err)
			}
		}
	}
}

// Wait does not depend on whether a script reads late, a little, or nothing.
func TestStdinThatIsNotRead(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 1<<20)
	before := descriptors(t)
	for line, printed := range map[string]int64{
		"exit 0":                          0,
		"exec <&-; exit 0":                0,
		"head -c 10 >/dev/null":           0,
		"head -c 3000000 /dev/zero":       3000000,
		"head -c 3000000 /dev/zero; cat":  3000000 + 1<<20,
		"head -c 200000 /dev/zero >&2":    0,
		"sh -c 'exec 0<&-; sleep 0.05' &": 0,
	} {
		s := sh(line, privilege.Attributes{})
		s.Stdin = content
		p, err := runner.Start(s)
		if err != nil {
			t.Fatal(err)
		}
		o := p.Wait()
		if want(t, o, runner.Exited, ""); o.Stdout.Total != printed {
			t.Errorf("%s: %d bytes printed, want %d", line, o.Stdout.Total, printed)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors became %d", before, after)
	}
}

// The script can neither write to its standard input nor execute it. Empty content is a
// file without content, and not /dev/null.
func TestStdinIsReadOnly(t *testing.T) {
	s := sh(`echo x >&0 && echo written; echo x >>/proc/self/fd/0 && echo written; cp /dev/stdin /dev/null; /proc/self/fd/0; exit 0`, privilege.Attributes{})
	s.Stdin = []byte("#!/bin/sh\necho executed\n")
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	if o := p.Wait(); string(o.Stdout.Tail) != "" {
		t.Errorf("it says %q, %q", o.Stdout.Tail, o.Stderr.Tail)
	}
	s = sh("wc -c; test -f /dev/stdin && echo a file", privilege.Attributes{})
	s.Stdin = []byte{}
	if p, err = runner.Start(s); err != nil {
		t.Fatal(err)
	}
	if got := string(p.Wait().Stdout.Tail); got != "0\na file\n" {
		t.Errorf("an empty one: %q", got)
	}
}
