package host_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if identity := os.Getenv(askEnv); identity != "" {
		os.Exit(answer(identity))
	}
	goleak.VerifyTestMain(m)
}
