package taskenv

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Every member of an unsafe family is refused, whatever its value, unless it is known to
// be harmless. This includes variables that a future version of a program will read.
func TestUnsafeFamiliesAreRefusedAsAWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	word := func() string {
		b := make([]byte, 1+random.IntN(9))
		for i := range b {
			b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"[random.IntN(37)]
		}
		return string(b)
	}
	for range 200 {
		for _, p := range unsafePrefixes() {
			if name := p + word(); !isUnsafe(name, word()) && !isTuning(name) {
				t.Errorf("%s gets through", name)
			}
		}
		for _, s := range unsafeSuffixes() {
			if name := word() + s; !isUnsafe(name, word()) && !isTuning(name) {
				t.Errorf("%s gets through", name)
			}
		}
	}
}

// No list refuses a variable that another one calls harmless, and none lists a variable
// twice.
func TestUnsafeListsDoNotContradictThemselves(t *testing.T) {
	families := slices.Concat(unsafePrefixes(), unsafeSuffixes())
	for i, f := range families {
		if isTuning(f) || slices.Contains(families[:i], f) || len(f) < 3 {
			t.Errorf("%s is harmless, listed twice or too short", f)
		}
		for _, other := range unsafePrefixes() {
			if i < len(unsafePrefixes()) && f != other && strings.HasPrefix(f, other) {
				t.Errorf("%s is a part of %s", f, other)
			}
		}
	}
	for _, name := range []string{"PYTHONUNBUFFERED", "GIT_AUTHOR_NAME", "RUBY_GC_HEAP_INIT_SLOTS", "QT_QPA_PLATFORM", "MAGICK_MEMORY_LIMIT"} {
		if isUnsafe(name, "1") {
			t.Errorf("%s is refused", name)
		}
	}
	for name, values := range map[string][]string{
		"LANG": {"C", "de_DE.UTF-8", "sr_RS@latin"}, "LANGUAGE": {"de:en"}, "LC_ALL": {"C.UTF-8"}, "TERM": {"xterm-256color"},
		"TZ": {"UTC", "Europe/Berlin", ":Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", "/usr/share/zoneinfo/UTC", ""},
	} {
		for _, value := range values {
			if isUnsafe(name, value) {
				t.Errorf("%s=%s is refused", name, value)
			}
		}
	}
}
