//go:build !fasttimes

package daemon

import "github.com/nevsnode/gordon/v2/pkg/taskqueue"

func times() taskqueue.Times { return taskqueue.DefaultTimes() }
