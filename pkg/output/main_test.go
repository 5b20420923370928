package output

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes the test binary run childLogsToBrokenPipe instead of tests.
const childEnv = "GORDON_OUTPUT_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childLogsToBrokenPipe())
	}
	goleak.VerifyTestMain(m)
}

// noEnv is an empty environment.
func noEnv(string) string { return "" }

// pipe returns both ends of a pipe that are closed when the test ends.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close() // a test may have closed it
		_ = w.Close()
	})
	return r, w
}
