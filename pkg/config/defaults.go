package config

import (
	"math"
	"os"
	"path/filepath"
	"time"
)

// The defaults of all keys that have one. The time-outs are new; the rest is what
// 1.6.5 did where a key was left out.
const (
	defaultRedisAddress    = "127.0.0.1:6379"
	defaultQueueKey        = "taskqueue"
	defaultStartTimeout    = 10 * time.Second
	defaultShutdownTimeout = 90 * time.Second
	defaultTimeout         = time.Duration(0) // none
	defaultKillGrace       = 10 * time.Second
	defaultPattern         = "/"
	defaultFailOnOutput    = FailOnAny
	defaultFailedMaxSize   = 16 << 20
	defaultOnCrash         = CrashRequeue
	defaultLeftovers       = LeftoversAllow
	defaultShare           = 100 // the kernel's, for cpu_weight and io_weight
	defaultOnLeaseLoss     = LeaseLossContinue
	defaultWorkers         = 1
	defaultMaxAttempts     = 1
	defaultRetryDelay      = 10 * time.Second
	defaultRetryDelayMax   = time.Hour
	defaultRetryFactor     = 2.0
	defaultRetryJitter     = 0.1
	defaultWeight          = 100
	defaultStdin           = StdinEmpty
	defaultSentinelPort    = "26379"
)

// The addresses that are shown where stats.interface, or one of a Sentinel, is
// wrong.
const (
	exampleInterface = "127.0.0.1:8080"
	exampleSentinel  = "sentinel1.example.com:26379"
)

// The least values of the back-off, which stand in where a key is left out too.
const (
	leastBackoffMin    = 100 // ms
	leastBackoffFactor = 1.0
)

// The longest times that a [time.Duration] can hold, 292 years.
const (
	mostSeconds      = math.MaxInt64 / int64(time.Second)
	mostMilliseconds = math.MaxInt64 / int64(time.Millisecond)
)

// defaultTempDir is the system's folder for temporary files, absolute even where
// TMPDIR is not.
func defaultTempDir() string { return absolute(os.TempDir(), "/") }

// absolute returns a path that is relative to base as an absolute one.
func absolute(path, base string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
}
