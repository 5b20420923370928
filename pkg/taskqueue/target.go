package taskqueue

import (
	"reflect"

	"github.com/nevsnode/gordon/v2/pkg/admission"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// Target is one queue_key in one Redis, and how to connect to it. A reload to another
// target starts another engine; the old one finishes the tasks that it runs.
type Target struct {
	QueueKey string
	Redis    store.Options
}

func (t Target) same(other Target) bool { return reflect.DeepEqual(t, other) }

// String is the address of Redis, for messages.
func (t Target) String() string { return store.NewClient(t.Redis).String() }

// Config is the part of a configuration that a pool serves.
type Config struct {
	Target
	// Plans are all task types.
	Plans *task.Plans
	// MaxRunning bounds the tasks of all types together; 0 is for no bound.
	MaxRunning int
	// TempDir is temp_dir; see [Options].StateDir.
	TempDir string
}

// shares are the claims of all types to the permits of max_running.
func (c Config) shares() map[string]admission.Share {
	all := make(map[string]admission.Share, len(c.Plans.Types))
	for name, t := range c.Plans.Types {
		all[name] = admission.Share{Priority: t.Priority, Weight: t.Weight}
	}
	return all
}
