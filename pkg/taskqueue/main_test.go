package taskqueue

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var server *redistest.Server

func TestMain(m *testing.M) {
	code := redistest.Main(m, func(s *redistest.Server) { server = s })
	if err := goleak.Find(); code == 0 && err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}
