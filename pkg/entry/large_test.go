package entry

import (
	"runtime"
	"strings"
	"testing"
)

const large = 5 << 20

// largeEntries have the shapes with which a quadratic scan or needless copies would show.
func largeEntries() map[string][]byte {
	return map[string][]byte{
		"one argument":           []byte(`{"args":["` + strings.Repeat("x", large) + `"]}`),
		"one argument, escapes":  []byte(`{"args":["` + strings.Repeat(`\"`, large/2) + `"]}`),
		"many unknown":           []byte(`{` + strings.Repeat(`"k":1,`, large/6) + `"args":["a"]}`),
		"many error_messages":    []byte(`{` + strings.Repeat(`"error_message":1,`, large/18) + `"args":["a"]}`),
		"white space everywhere": []byte(`{ ` + strings.Repeat(" ", large/2) + `"args" :["a"]` + strings.Repeat("\n", large/2) + `}`),
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLargeEntriesAreCopiedFewTimes(t *testing.T) {
	for name, raw := range largeEntries() {
		t.Run(name, func(t *testing.T) {
			if n := allocated(func() {
				if _, err := Decode(raw); err != nil {
					t.Error(err)
				}
			}); n > 3*large {
				t.Errorf("Decode of %d bytes allocated %d", len(raw), n)
			}
			if n := allocated(func() { Failed(noLimit, raw, Failure{Message: "m"}) }); n > 3*large {
				t.Errorf("Failed of %d bytes allocated %d", len(raw), n)
			}
		})
	}
}

func BenchmarkDecodeLarge(b *testing.B) {
	for name, raw := range largeEntries() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFailedLarge(b *testing.B) {
	for name, raw := range largeEntries() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				Failed(noLimit, raw, Failure{Message: "m"})
			}
		})
	}
}

func BenchmarkDecodeSmall(b *testing.B) {
	raw := []byte(`{"args":["first","second"],"env":{"NAME":"value"}}`)
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
