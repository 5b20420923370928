package taskqueue

import (
	"os"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var server *redistest.Server

func TestMain(m *testing.M) {
	os.Exit(redistest.MainWithoutLeaks(m, func(s *redistest.Server) { server = s }))
}
