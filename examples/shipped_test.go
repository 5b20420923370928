package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The first task of the shipped /etc/gordon.toml runs as soon as its lines are
// uncommented.
func TestFirstTaskOfTheShippedConfiguration(t *testing.T) {
	s := newShell(t)
	s.build()
	text := read(t, "../etc/gordon.toml")
	push := regexp.MustCompile(`(?m)^#   (redis-cli RPUSH .*)$`).FindStringSubmatch(text)
	created := regexp.MustCompile(`/var/lib/gordon/([a-z-]+)\.`).FindStringSubmatch(text)
	task := regexp.MustCompile(`(?m)^#(\[tasks\.hello\]\n)#(script = .*)$`)
	if push == nil || created == nil || !task.MatchString(text) {
		t.Fatal("the shipped configuration has no first task")
	}
	write(t, filepath.Join(s.dir, "gordon.toml"), task.ReplaceAllString(text, "$1$2"), 0o644)
	write(t, filepath.Join(s.dir, "gordon.d", "redis.toml"), "redis_address = \""+server.Socket+"\"\n", 0o644)

	log := s.start("gordon --conf gordon.toml --verbose")
	s.run(push[1])
	until(t, "the task ran", func() bool { return strings.Contains(read(t, log), "task done") })
	if _, err := os.Stat(filepath.Join(s.dir, created[1])); err != nil {
		t.Error(err)
	}
}
