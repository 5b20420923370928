//go:build !fasttimes

package daemon

import "github.com/nevsnode/gordon/v2/pkg/store"

func times() store.Times { return store.DefaultTimes() }
