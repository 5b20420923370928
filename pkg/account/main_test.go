package account_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

// helperVar makes the test binary do something else than run tests.
const helperVar = "ACCOUNT_TEST_HELPER"

// executableVar is the path of this test program in a place where all users can execute it.
const executableVar = "ACCOUNT_TEST_EXECUTABLE"

// Users that need not exist: the kernel knows numbers only.
const (
	daemonUID = 61001
	taskUID   = 61002
)

func TestMain(m *testing.M) {
	switch os.Getenv(helperVar) {
	case "system":
		report(looksUpThere())
	case "attacked":
		report(lookUpUnderAttack())
	case "attack":
		attackHelper()
	}
	goleak.VerifyTestMain(m)
}

// report prints the result of a helper and ends it.
func report(result any) {
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// asDaemon runs a helper in a process of its own, as a daemon that is not root and has
// these capabilities, as a unit gives them.
func asDaemon(t *testing.T, helper string, caps []uintptr, into any) {
	t.Helper()
	gordontest.AsUser(t, daemonUID, caps, []string{helperVar + "=" + helper, executableVar + "=" + os.Getenv(executableVar)}, into)
}

// output runs a line of shell, and returns its output or the reason of its failure.
func output(line string) string {
	p, err := runner.Start(runner.Spec{Path: "/bin/sh", Args: []string{"-c", line}, Env: os.Environ()})
	if err != nil {
		return err.Error()
	}
	o := p.Wait()
	return string(o.Stdout.Tail) + string(o.Stderr.Tail) + o.Reason()
}

// rootOrRefused reports whether this process may become another user. If it may not,
// rootOrRefused checks that a start reports that.
func rootOrRefused(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	user := &privilege.Identity{Name: "task", UID: taskUID, GID: taskUID}
	_, err := runner.Start(runner.Spec{Path: "/bin/true", Attributes: privilege.Attributes{User: user}})
	if !errors.Is(err, unix.EPERM) || !strings.HasPrefix(err.Error(), "cannot become user task: ") {
		t.Errorf("error is %v", err)
	}
	return false
}
