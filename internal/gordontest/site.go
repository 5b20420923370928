package gordontest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Site is a folder with a configuration and scripts.
type Site struct {
	T      testing.TB
	Binary string
	// Redis is the part of the configuration with the address of Redis, in TOML:
	// keys of the top level and no table; see [Unix].
	Redis string
	// QueueKey is the queue_key.
	QueueKey string
	// Launch starts gordon, nil as any process: on another host, as another user.
	Launch func(*exec.Cmd) error
	dir    string
}

// Unix is a Site's Redis at a unix socket.
func Unix(socket string) string {
	return fmt.Sprintf("redis_network = \"unix\"\nredis_address = %q\n", socket)
}

// NewSite makes a folder that ends with the test.
func NewSite(t testing.TB, binary, redis string) *Site {
	t.Helper()
	return &Site{T: t, Binary: binary, Redis: redis, QueueKey: "q", dir: t.TempDir()}
}

// Dir is the folder.
func (s *Site) Dir() string { return s.dir }

// File is the path of a file in the folder.
func (s *Site) File(name string) string { return filepath.Join(s.dir, name) }

// Read returns the content of a file, or "" if it does not exist.
func (s *Site) Read(name string) string {
	content, err := os.ReadFile(s.File(name))
	if err != nil && !os.IsNotExist(err) {
		s.T.Fatal(err)
	}
	return string(content)
}

// Lines returns the words of a file: scripts note one in each line.
func (s *Site) Lines(name string) []string { return strings.Fields(s.Read(name)) }

// Write makes a file; one that begins with "#!" can be executed.
func (s *Site) Write(name, content string) {
	s.T.Helper()
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	// Written beside and renamed: a script that is being written cannot be run.
	WriteFile(s.T, s.File(name+".new"), content, mode)
	if err := os.Rename(s.File(name+".new"), s.File(name)); err != nil {
		s.T.Fatal(err)
	}
}

// WriteFile writes a file that may be executed afterwards. It does so while no child is
// being forked: a child has a copy of each descriptor until its execve(2), and a file
// that any process has open for writing cannot be executed (ETXTBSY).
func WriteFile(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte(content), mode)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
}

// Script writes a shell script NAME.sh; $D is the folder.
func (s *Site) Script(name, body string) {
	s.T.Helper()
	s.Write(name+".sh", "#!/bin/sh\nD='"+s.dir+"'\n"+body+"\n")
}

// Configure writes gordon.toml: the keys of Redis, and more.
func (s *Site) Configure(more string) {
	s.T.Helper()
	s.Write("gordon.toml", fmt.Sprintf("%squeue_key = %q\nfailed_tasks_ttl = 3600\n%s\n", s.Redis, s.QueueKey, more))
}

// Task is the table of a task with the script NAME.sh, in TOML.
func (s *Site) Task(name string, workers int) string {
	return fmt.Sprintf("[tasks.%s]\nscript = %q\nworkers = %d\n", name, s.File(name+".sh"), workers)
}

// Numbered is the entry whose only argument is n.
func Numbered(n int) string {
	raw, err := json.Marshal(map[string]any{"args": []string{fmt.Sprint(n)}})
	if err != nil {
		panic(err) // strings always can be encoded
	}
	return string(raw)
}
