package runner_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// Arguments arrive exactly as they are, in number, order and every byte.
func TestArgumentsAreExact(t *testing.T) {
	many := make([]string, 1000)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for name, args := range map[string][]string{
		"none":           {},
		"spaces":         {"a b", " a", "a ", "  ", "\t"},
		"quotes":         {`"`, `'`, `"a'b"`, "`id`", `\`, `\\`, `a\`},
		"shell":          {"$HOME", "$(id)", "*", "~", ";", "a|b", "&&", "#x", "{a,b}", "!x"},
		"newlines":       {"a\nb", "\n", "a\r\n", "\v\f"},
		"empty":          {"", "", "x", ""},
		"dashes":         {"-", "--", "-c", "--help", "-n", "-e"},
		"unicode":        {"ü", "日本語", "𝄞", "e\u0301", "\u202e", "\ufeff"},
		"not UTF-8":      {"\xff\xfe", "\x80", "a\xc3"},
		"control":        {"\x01\x02\x1b[31m\x7f"},
		"a thousand":     many,
		"percent":        {"%s", "%d%n", "%%"},
		"hundred KB":     {strings.Repeat("x", 49<<10) + "\n" + strings.Repeat("é", 25<<10)},
		"longest of all": {strings.Repeat("y", 32*os.Getpagesize()-1)},
	} {
		t.Run(name, func(t *testing.T) {
			// To a file: more may be printed than the tail keeps.
			s := spec(t, `out=$GORDON_TEST_OUT; [ $# -eq 0 ] && exec true >$out; printf '%s\0' "$@" >$out`, args...)
			out := t.TempDir() + "/out"
			s.Env = append(s.Env, "GORDON_TEST_OUT="+out)
			p, err := runner.Start(s)
			if err != nil {
				t.Fatal(err)
			}
			want(t, p.Wait(), runner.Exited, "")
			raw, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(string(raw), "\x00")
			if diff := cmp.Diff(args, got[:len(got)-1]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFirstArgumentIsThePath(t *testing.T) {
	s := spec(t, `printf %s "$0"`)
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Wait().Stdout.Tail); got != s.Path {
		t.Errorf("$0 is %q, want %q", got, s.Path)
	}
}

// refused tries to start a process that must not start, and returns the text of the error
// after the path.
func refused(t *testing.T, s runner.Spec, cause error) string {
	t.Helper()
	p, err := runner.Start(s)
	if err == nil {
		p.Wait()
		t.Fatal("it started")
	}
	var start *runner.StartError
	if !errors.As(err, &start) || start.Path != s.Path || !errors.Is(err, cause) {
		t.Fatalf("error is %#v, want a StartError of %q with %v", err, s.Path, cause)
	}
	text, ok := strings.CutPrefix(err.Error(), "fork/exec "+s.Path+": ")
	if !ok {
		t.Errorf("error doesn't begin as Gordon 1's did: %s", err)
	}
	return text
}

func TestTooLong(t *testing.T) {
	limit := 32*os.Getpagesize() - 1
	long, numbers := strings.Repeat("x", limit+1), strconv.Itoa(limit+1)+" bytes; the kernel's limit for one string is "+strconv.Itoa(limit)
	for _, tc := range []struct {
		name string
		spec runner.Spec
		text string
	}{
		{
			"one argument",
			runner.Spec{Path: "/bin/true", Args: []string{"a", "b", long, "c"}},
			"argument list too long (argument 3 has " + numbers + ")",
		},
		{
			"one variable",
			runner.Spec{Path: "/bin/true", Env: []string{"A=1", "B=" + long[2:]}},
			`argument list too long (the environment variable "B" has ` + numbers + ")",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.text, refused(t, tc.spec, unix.E2BIG)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTooLongTogether(t *testing.T) {
	args := append(slices.Repeat([]string{strings.Repeat("x", 100<<10)}, 100), strings.Repeat("y", 110<<10))
	total := len("/bin/true") + 100*(100<<10) + (110 << 10) + 102*(1+strconv.IntSize/8) // each with its NUL and its pointer
	text := refused(t, runner.Spec{Path: "/bin/true", Args: args}, unix.E2BIG)
	for _, part := range []string{
		"argument list too long (arguments and environment have " + strconv.Itoa(total) + " bytes together; the kernel's limit is ",
		". The longest is argument 101 with 112640)",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q doesn't hold %q", text, part)
		}
	}
}

func TestNULBytes(t *testing.T) {
	for text, s := range map[string]runner.Spec{
		"argument 3 contains a NUL byte":                       {Path: "/bin/true", Args: []string{"a", "b", "c\x00d", "e\x00"}},
		"the path contains a NUL byte":                         {Path: "/bin/true\x00"},
		`the environment variable "B" contains a NUL byte`:     {Path: "/bin/true", Env: []string{"A=1", "B=x\x00y"}},
		`the environment variable "B\x00" contains a NUL byte`: {Path: "/bin/true", Env: []string{"B\x00=x"}},
	} {
		if diff := cmp.Diff("invalid argument ("+text+")", refused(t, s, unix.EINVAL)); diff != "" {
			t.Error(diff)
		}
	}
}
