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
	if limit := os.Getenv(roomEnv); limit != "" {
		roomHelper(limit)
		return
	}
	goleak.VerifyTestMain(m)
}
