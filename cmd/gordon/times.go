//go:build !fasttimes

package main

import "github.com/nevsnode/gordon/v2/pkg/taskqueue"

func times() taskqueue.Times { return taskqueue.DefaultTimes() }
