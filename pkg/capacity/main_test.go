package capacity_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if limit := os.Getenv(roomEnv); limit != "" {
		roomHelper(limit)
		return
	}
	goleak.VerifyTestMain(m)
}
