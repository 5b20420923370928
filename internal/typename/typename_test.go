package typename

import (
	"slices"
	"testing"
)

func TestInvalidUTF8IsRefused(t *testing.T) {
	if Check("a\xff") == nil || Check("ä") != nil {
		t.Error("only one of the two is UTF-8")
	}
}

// keysInRedis lists the keys of a type below queue_key, with an instance and a slot
// of each kind of name.
func keysInRedis(name string) []string {
	return []string{name, name + ":failed", name + ":delayed", name + ":run:i:1", name + ":run:failed:1"}
}

// TestNoTwoMeaningsOfOneRedisKey tries all pairs of names that are built
// of the parts that gordon's keys are built of.
func TestNoTwoMeaningsOfOneRedisKey(t *testing.T) {
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
			types := map[string]bool{a: true, b: true}
			if slices.ContainsFunc([]string{a, b}, func(name string) bool {
				return Check(name) != nil || Owner(name, func(other string) bool { return types[other] }) != ""
			}) {
				continue
			}
			accepted++
			seen := make(map[string]string)
			for _, k := range own {
				seen[k] = "gordon"
			}
			for name := range types {
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
