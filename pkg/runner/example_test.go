package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

func Example() {
	env, err := taskenv.Build(os.Environ(), map[string]string{"NAME": "world"}, []string{taskenv.TaskID + "=example.1"}, taskenv.Policy{})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := runner.Start(runner.Spec{
		Path: "/bin/sh", Args: []string{"-c", `echo "hello $NAME"; exit 3`},
		Env: env, Marker: "example.1",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	o := p.Wait()
	fmt.Printf("%s: %q\n", o.Reason(), o.Stdout.Tail)
	// Output: exit status 3: "hello world\n"
}

// A time-out is a Stop that runs beside Wait.
func ExampleProcess_Stop() {
	p, err := runner.Start(runner.Spec{Path: "/bin/sleep", Args: []string{"1000"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	timeout := time.AfterFunc(50*time.Millisecond, func() { p.Stop(context.Background(), 10*time.Second) })
	defer timeout.Stop()
	o := p.Wait()
	fmt.Println(o.Reason(), p.Stopped())
	// Output: signal: terminated true
}

func ExampleStart_error() {
	_, err := runner.Start(runner.Spec{Path: "/nonexistent"})
	fmt.Println(err, errors.Is(err, fs.ErrNotExist))
	// Output: fork/exec /nonexistent: no such file or directory true
}
