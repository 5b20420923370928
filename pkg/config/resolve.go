package config

import (
	"path/filepath"
	"time"
)

// resolve turns settings without a fault into the configuration.
func (d *decoder) resolve(binDir string) *Config {
	s := d.settings
	if abs, err := filepath.Abs(binDir); err == nil {
		binDir = abs
	}
	// An empty path is the same as none, as 1.6.5's sample says.
	file := func(v value[string]) string {
		if v.v == "" {
			return ""
		}
		return absolute(v.v, binDir)
	}
	c := &Config{
		RedisNetwork:    s.network(),
		RedisAddress:    s.address(),
		Redis:           s.redis.resolve(file),
		QueueKey:        s.queueKey.or(defaultQueueKey),
		ErrorScript:     s.errorScript.v,
		TempDir:         file(s.tempDir),
		Logfile:         file(s.logfile),
		StartTimeout:    s.startTimeout.or(defaultStartTimeout),
		ShutdownTimeout: s.shutdownTimeout.or(defaultShutdownTimeout),
		KillGrace:       s.common.killGrace.or(defaultKillGrace),
		MaxRunning:      int(s.maxRunning.v),
		OnLeaseLoss:     OnLeaseLoss(s.onLeaseLoss.or(string(defaultOnLeaseLoss))),
		Stats: Stats{
			Interface:   s.stats.iface.v,
			Pattern:     s.stats.pattern.v,
			TLSCertFile: file(s.stats.tlsCertFile),
			TLSKeyFile:  file(s.stats.tlsKeyFile),
		},
		Tasks: make(map[string]Task, len(s.tasks)),
	}
	if c.TempDir == "" {
		c.TempDir = defaultTempDir()
	}
	if c.Stats.Pattern == "" {
		c.Stats.Pattern = defaultPattern
	}
	if s.redisNetwork.v == "udp" {
		d.notice(s.redisNetwork.at, `"udp" is taken as "tcp": Redis does not speak UDP`)
	}
	for _, name := range sortedTypes(s.tasks) {
		t := s.tasks[name]
		c.Tasks[name] = d.resolveTask(t, s.common, binDir, c.MaxRunning > 0)
		c.Limits = append(append(c.Limits, t.limits.keys()...), t.total.keys()...)
	}
	c.Needs = s.needs(c)
	c.Notices = append(d.notices, general(d.idle, c)...)
	return c
}

// resolveTask applies defaults and inheritance to one task. bounded says whether
// there is a max_running.
func (d *decoder) resolveTask(t *taskSettings, top common, binDir string, bounded bool) Task {
	workers := t.workers.or(defaultWorkers)
	if workers < 1 {
		d.notice(t.workers.at, "%d is taken as 1, the least", workers)
		workers = 1
	}
	if t.oldType.v != "" && t.oldType.v != t.name {
		d.notice(t.oldType.at, "has no effect: the name of the table is the type, %q", t.name)
	}
	crash := OnCrash(t.common.onCrash.or(top.onCrash.or(string(defaultOnCrash))))
	fail := FailOnOutput(t.common.failOnOutput.or(top.failOnOutput.or(string(defaultFailOnOutput))))
	weight := t.weight.or(defaultWeight)
	if !bounded {
		d.noticeShares(t.priority, t.priority.v != 0)
		d.noticeShares(t.weight, weight != defaultWeight)
	}
	return Task{
		Type:       t.name,
		Script:     absolute(t.script.v[0], binDir),
		ScriptArgs: append([]string(nil), t.script.v[1:]...),
		Workers:    int(workers),
		Priority:   int(t.priority.v),
		Weight:     int(weight),
		Failed: FailedList{
			TTL:     d.failedTasksTTL(t.common.failedTasksTTL, top.failedTasksTTL),
			Max:     int(t.common.failedMax.or(top.failedMax.v)),
			MaxSize: t.common.failedMaxSize.or(top.failedMaxSize.or(defaultFailedMaxSize)),
		},

		Backoff:      d.backoff(t.common, top),
		FailOnOutput: fail,
		OnCrash:      crash,
		Timeout:      t.common.timeout.or(top.timeout.or(defaultTimeout)),
		KillGrace:    t.common.killGrace.or(top.killGrace.or(defaultKillGrace)),
		Leftovers:    Leftovers(t.common.leftovers.or(top.leftovers.or(string(defaultLeftovers)))),
		Retry:        t.common.retry.or(top.retry).resolve(),
		Limits:       t.limits.resolve(),
		Total:        t.total.resolve(),
		Env:          Env{Set: t.variables(), Allow: t.envAllow.v, AllowUnsafe: t.allowUnsafeEnv.v},
		Stdin:        Stdin(t.stdin.or(string(defaultStdin))),
		Process: Process{
			User: t.user.v, Group: t.group.v, WorkingDirectory: t.directory(binDir),
			Umask: optional(t.umask), Nice: optional(t.nice), IONice: t.ionice.v, OOMScoreAdj: optional(t.oomScoreAdj),
		},
		Origins: t.origins(),
	}
}

// noticeShares tells of a key that says who is first where all may run.
func (d *decoder) noticeShares(v value[int64], said bool) {
	if said {
		d.notice(v.at, "has no effect without max_running: then each type runs as many tasks as it has workers")
	}
}

// failedTasksTTL resolves the key of that name. A negative one made 1.6.5 drop the
// list with each push, which is no list.
func (d *decoder) failedTasksTTL(task, top value[int64]) time.Duration {
	v := pick(task, top)
	switch {
	case v.v < 0:
		d.notice(v.at, "%d is taken as 0: no list of failed tasks is kept", v.v)
		return 0
	case v.v > mostSeconds:
		d.notice(v.at, "%d is taken as %d, the most", v.v, mostSeconds)
		return time.Duration(mostSeconds) * time.Second
	}
	return time.Duration(v.v) * time.Second
}

// backoff resolves the back-off as 1.6.5 did: enabled at the top means enabled for
// all, 0 at the task means the value of the top, and what is too little is raised.
func (d *decoder) backoff(task, top common) Backoff {
	lo, hi, factor := pick(task.backoffMin, top.backoffMin), pick(task.backoffMax, top.backoffMax), pick(task.backoffFactor, top.backoffFactor)
	b := Backoff{Enabled: task.backoffEnabled.v || top.backoffEnabled.v, Factor: max(factor.v, leastBackoffFactor)}
	least := min(max(lo.v, leastBackoffMin), mostMilliseconds)
	most := min(max(hi.v, least), mostMilliseconds)
	b.Min, b.Max = time.Duration(least)*time.Millisecond, time.Duration(most)*time.Millisecond
	if !b.Enabled {
		return b
	}
	if lo.v != 0 && lo.v != least {
		d.notice(lo.at, "%d ms is taken as %d ms", lo.v, least)
	}
	if hi.v != 0 && hi.v != most {
		d.notice(hi.at, "%d ms is taken as %d ms: it may not be under backoff_min", hi.v, most)
	}
	if factor.v != 0 && factor.v != b.Factor {
		d.notice(factor.at, "%v is taken as %v, the least", factor.v, b.Factor)
	}
	return b
}

// pick returns the task's value, or the one at the top where the task's is unset
// or 0.
func pick[T int64 | float64](task, top value[T]) value[T] {
	if task.v != 0 {
		return task
	}
	return top
}
