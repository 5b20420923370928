package program

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Check returns the error that execve(2) will return.
func TestInterpretable(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	closed := write("closed", "x", 0o644)
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"script":                 {"#!/bin/sh\ntrue\n", nil},
		"with an argument":       {"#! /bin/sh -e\ntrue\n", nil},
		"env":                    {"#!/usr/bin/env sh\n", nil},
		"env with options":       {"#!/usr/bin/env -S no-such-program -x\n", nil}, // not looked into
		"Windows":                {"#!/bin/sh\r\ntrue\r\n", unix.ENOENT},
		"no interpreter":         {"#!/nonexistent/php\n", unix.ENOENT},
		"a folder":               {"#!/tmp\n", unix.ENOENT},
		"a closed one":           {"#!" + closed + "\n", unix.EACCES},
		"no first line":          {"echo hello\n", unix.ENOEXEC},
		"empty":                  {"", unix.ENOEXEC},
		"empty #!":               {"#!\n", unix.ENOEXEC},
		"with a byte order mark": {"\ufeff#!/bin/sh\n", unix.ENOEXEC},
		"a program":              {"\x7fELF\x02\x01\x01\x00", nil},
	} {
		if err := interpretable(write("script", tt.text, 0o755)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if err := interpretable(write("script", "#!/usr/bin/env no-such-program\n", 0o755)); err == nil || !strings.Contains(err.Error(), "not in PATH") {
		t.Errorf("env without its program: %v", err)
	}
	if err := interpretable("/bin/true"); err != nil {
		t.Error(err)
	}
}
