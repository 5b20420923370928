package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// TestMain lets the test binary be gordon when it is called by that name, as
// the scripts in testdata call it. testscript.Main does the same but forgets the
// folder that the name came with, and gordon looks for its files there.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "gordon" {
		os.Exit(run(context.Background(), os.Args, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestCLI runs the scripts in testdata, one behaviour
// a file. Each has gordon in $WORK/bin, which is also the first folder of PATH,
// and besides the commands of package testscript these:
//
//	exits CODE PROGRAM [ARGS...]   like exec, with this very exit code
//	await PROGRAM [ARGS...]        exec until it succeeds
//	term                           send SIGTERM to all programs in the background
//	redis                          start a Redis of its own; $REDIS is its socket
func TestCLI(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               installGordon,
		Condition:           condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
			"await": await,
			"term":  term,
			"redis": startRedis,
		},
	})
}

func installGordon(env *testscript.Env) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	bin := filepath.Join(env.WorkDir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	// Built with -race, every gordon would take a second to exit otherwise.
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
	return os.Symlink(binary, filepath.Join(bin, "gordon"))
}

// condition adds [packaged]: the machine has a configuration of its own, which
// gordon reads if no file is named.
func condition(cond string) (bool, error) {
	if cond != "packaged" {
		return false, fmt.Errorf("there is no condition %q", cond)
	}
	_, err := os.Stat("/etc/gordon.toml")
	return !errors.Is(err, os.ErrNotExist), nil
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: await PROGRAM [ARGS...]")
	}
	deadline := time.Now().Add(60 * time.Second)
	for ts.Exec(args[0], args[1:]...) != nil {
		if time.Now().After(deadline) {
			ts.Fatalf("waited 60 s in vain")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func term(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: term")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}

func startRedis(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: redis")
	}
	server, err := redistest.Start()
	ts.Check(err)
	ts.Defer(func() { ts.Check(server.Close()) })
	ts.Setenv("REDIS", server.Socket)
}
