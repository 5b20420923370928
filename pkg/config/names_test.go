package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTypeName_AlmostAnythingIsFine(t *testing.T) {
	for _, name := range []string{
		"mail", "a b", "a:b", "a:run", ":failed", "日本", "🙂", "..", "-", "Instance", "instances.x", "paused2", "run", "x:instances", strings.Repeat("x", 255),
	} {
		c := load(t, fmt.Sprintf("[tasks.%q]\nscript = \"/s\"\n", name))
		if got := c.Tasks[name].Type; got != name {
			t.Errorf("type %q became %q", name, got)
		}
	}
}

func TestTypeName_Refused(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty", `[tasks.""]`, `tasks."": the name of a type must not be empty`},
		{"tab", `[tasks."a\tb"]`, `tasks."a\tb": the name of a type must not contain control characters`},
		{"NUL", `[tasks."a\u0000"]`, `tasks."a\u0000": the name of a type must not contain control characters`},
		{"C1 control", `[tasks."a\u0085"]`, `tasks."a\u0085": the name of a type must not contain control characters`},
		{"long", `[tasks.` + strings.Repeat("x", 256) + `]`, `tasks.` + strings.Repeat("x", 256) + `: the name of a type must not be longer than 255 bytes`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := refuse(t, tc.text+"\nscript = \"/s\"\n")
			if diff := cmp.Diff([]string{"gordon.toml:1: " + tc.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTypeName_GordonsOwnKeysAreRefused(t *testing.T) {
	for _, name := range []string{"instance", "instances", "instance:", "instance:x", "instances:", "instances:x", "instances:duty", "paused", "recoveries", "control"} {
		got := refuse(t, fmt.Sprintf("[tasks.%q]\nscript = \"/s\"\n", name))
		if len(got) != 1 || !strings.Contains(got[0], "this name is reserved: gordon uses the Redis keys") {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

func TestTypeName_KeysOfAnotherTypeAreRefused(t *testing.T) {
	for _, name := range []string{"mail:failed", "mail:delayed", "mail:run:", "mail:run:host:1"} {
		got := refuse(t, fmt.Sprintf("%s[tasks.%q]\nscript = \"/s\"\n", task(), name))
		if len(got) != 1 || !strings.Contains(got[0], `gordon.toml:4: `) || !strings.Contains(got[0], `already used by the type "mail"`) {
			t.Errorf("%q: got %q", name, got)
		}
		// Without the type "mail", the name is valid.
		load(t, fmt.Sprintf("[tasks.%q]\nscript = \"/s\"\n", name))
	}
}
