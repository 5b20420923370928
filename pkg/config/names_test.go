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
		{"tab", `[tasks."a\tb"]`, `tasks."a\tb": the name of a type must not hold control characters`},
		{"NUL", `[tasks."a\u0000"]`, `tasks."a\u0000": the name of a type must not hold control characters`},
		{"C1 control", `[tasks."a\u0085"]`, `tasks."a\u0085": the name of a type must not hold control characters`},
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

func TestTypeName_InvalidUTF8IsRefused(t *testing.T) {
	d := &decoder{}
	d.validateType("a\xff", Origin{})
	if len(d.faults) != 1 {
		t.Errorf("faults %v", d.faults)
	}
}

func TestTypeName_GordonsOwnKeysAreRefused(t *testing.T) {
	for _, name := range []string{"instance", "instances", "instance:", "instance:x", "instances:", "instances:x", "instances:duty", "paused", "recoveries", "control"} {
		got := refuse(t, fmt.Sprintf("[tasks.%q]\nscript = \"/s\"\n", name))
		if len(got) != 1 || !strings.Contains(got[0], "gordon uses this Redis key itself") {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

func TestTypeName_KeysOfAnotherTypeAreRefused(t *testing.T) {
	for _, name := range []string{"mail:failed", "mail:delayed", "mail:run:", "mail:run:host:1"} {
		got := refuse(t, fmt.Sprintf("%s[tasks.%q]\nscript = \"/s\"\n", task(), name))
		if len(got) != 1 || !strings.Contains(got[0], `gordon.toml:4: `) || !strings.Contains(got[0], `belongs to the type "mail"`) {
			t.Errorf("%q: got %q", name, got)
		}
		// Alone it is a name like any other.
		load(t, fmt.Sprintf("[tasks.%q]\nscript = \"/s\"\n", name))
	}
}

// keysInRedis lists the keys of a type below queue_key, with an instance and a slot
// of each kind of name.
func keysInRedis(name string) []string {
	return []string{name, name + ":failed", name + ":delayed", name + ":run:i:1", name + ":run:failed:1"}
}

// TestTypeName_NoTwoMeaningsOfOneRedisKey tries all pairs of names that are built
// of the parts that gordon's keys are built of.
func TestTypeName_NoTwoMeaningsOfOneRedisKey(t *testing.T) {
	parts := []string{"a", "failed", "delayed", "run", "run:i:1", "instance", "instances", "duty", "paused", "control", "recoveries"}
	names := append([]string(nil), parts...)
	for _, a := range parts {
		for _, b := range parts {
			names = append(names, a+":"+b)
		}
	}
	own := []string{"instances", "instance:i", "instance:failed", "instances:duty", "instances:i", "instances:failed", "paused", "recoveries", "control"}
	accepted := 0
	for _, a := range names {
		for _, b := range names {
			d := &decoder{tasks: map[string]*draft{a: {}, b: {}}}
			for name := range d.tasks {
				d.validateType(name, Origin{})
			}
			d.validatePairs()
			if len(d.faults) > 0 {
				continue
			}
			accepted++
			seen := make(map[string]string)
			for _, k := range own {
				seen[k] = "gordon"
			}
			for name := range d.tasks {
				for _, k := range keysInRedis(name) {
					if owner, ok := seen[k]; ok {
						t.Errorf("%q and %q: the key %q belongs to %s and %s", a, b, k, owner, name)
					}
					seen[k] = name
				}
			}
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d pairs were accepted", accepted)
	}
}
