package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLimits(t *testing.T) {
	all := "memory_max = \"2G\"\nmemory_high = 1610612736\ncpu_quota = \"150%\"\ncpu_weight = 1\nio_weight = 10000\ntasks_max = 64\n"
	c := load(t, task(all, "[tasks.mail.total]", all)+"[tasks.other]\nscript = \"/s\"\n")
	want := Limits{MemoryMax: 2 << 30, MemoryHigh: 3 << 29, CPUQuota: 150, CPUWeight: 1, IOWeight: 10000, TasksMax: 64}
	if got := c.Tasks["mail"]; got.Limits != want || got.Total != want {
		t.Errorf("got %+v, %+v", got.Limits, got.Total)
	}
	if got := c.Tasks["other"]; got.Limits != (Limits{}) || got.Total != (Limits{}) {
		t.Errorf("another type has %+v, %+v", got.Limits, got.Total)
	}
	var keys []string
	for _, l := range c.Limits {
		keys = append(keys, l.Place.Key+" "+l.Controller)
		if l.Place.Line < 3 || l.Place.File != c.Path {
			t.Errorf("%+v", l)
		}
	}
	wantKeys := strings.Fields("memory_max memory memory_high memory cpu_quota cpu cpu_weight cpu io_weight io tasks_max pids")
	var places []string
	for _, table := range []string{"tasks.mail.", "tasks.mail.total."} {
		for i := 0; i < len(wantKeys); i += 2 {
			places = append(places, table+wantKeys[i]+" "+wantKeys[i+1])
		}
	}
	if diff := cmp.Diff(places, keys); diff != "" {
		t.Error(diff)
	}
}

// A value that means no limit requires no controller, and replaces an earlier file's.
func TestLimits_NoneIsNone(t *testing.T) {
	c := load(t, task(`memory_max = "1G"`, `tasks_max = 3`, `cpu_quota = "5%"`, `cpu_weight = 5`),
		"gordon.d/1.toml", "[tasks.mail]\nmemory_max = \"infinity\"\ntasks_max = \"infinity\"\ncpu_quota = \"infinity\"\ncpu_weight = 100\n")
	if got := c.Tasks["mail"].Limits; got != (Limits{}) || len(c.Limits) != 0 {
		t.Errorf("got %+v, %+v", got, c.Limits)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		`"1M"`: 1 << 20, `"1024K"`: 1 << 20, `"3T"`: 3 << 40, `"1048577"`: 1<<20 + 1, "1048577": 1<<20 + 1, `"infinity"`: 0,
	} {
		if got := load(t, task("memory_max = "+text)).Tasks["mail"].Limits.MemoryMax; got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
	for b, want := range map[Bytes]string{0: "0", 1: "1", 1 << 10: "1K", 64 << 20: "64M", 1536 << 20: "1536M", 2 << 30: "2G", 5 << 40: "5T", 1 << 50: "1024T"} {
		if got := b.String(); got != want {
			t.Errorf("%d is %s, want %s", int64(b), got, want)
		}
	}
}

func TestLeftovers(t *testing.T) {
	for _, tc := range []struct {
		top, task string
		want      Leftovers
	}{
		{"", "", LeftoversAllow},
		{`leftovers = "kill"`, "", LeftoversKill},
		{`leftovers = "kill"`, `leftovers = "allow"`, LeftoversAllow},
		{"", `leftovers = "kill"`, LeftoversKill},
	} {
		c := load(t, tc.top+"\n"+task(tc.task))
		if got := c.Tasks["mail"].Leftovers; got != tc.want {
			t.Errorf("%q, %q: got %q, want %q", tc.top, tc.task, got, tc.want)
		}
	}
}

func TestFault_Limits(t *testing.T) {
	const (
		memory = `3: tasks.mail.memory_max: must be an amount of memory such as "512M" or "2G" (K, M, G and T, each 1024 times the one before), a whole number of bytes, or "infinity", not `
		quota  = `3: tasks.mail.cpu_quota: must be a whole percentage of one CPU such as "50%", or "200%" for two, or "infinity", not `
	)
	for text, want := range map[string]string{
		`memory_max = "64 MB"`:                           memory + `"64 MB"`,
		`memory_max = "0.5G"`:                            memory + `"0.5G"`,
		`memory_max = "-1M"`:                             memory + `"-1M"`,
		`memory_max = "M"`:                               memory + `"M"`,
		`memory_max = ""`:                                memory + `""`,
		`memory_max = "9999999999T"`:                     memory + `"9999999999T"`,
		`memory_max = 1.5`:                               memory + `a fraction`,
		`memory_max = 512`:                               "3: tasks.mail.memory_max: must be at least 1M: no program can run with 512 bytes",
		`memory_max = "0"`:                               "3: tasks.mail.memory_max: must be at least 1M: no program can run with 0 bytes",
		`cpu_quota = 50`:                                 quota + "a whole number",
		`cpu_quota = "50"`:                               quota + `"50"`,
		`cpu_quota = "0%"`:                               quota + `"0%"`,
		`cpu_quota = "1.5%"`:                             quota + `"1.5%"`,
		`cpu_quota = "9999999%"`:                         quota + `"9999999%"`,
		`cpu_weight = 0`:                                 "3: tasks.mail.cpu_weight: must be a whole number from 1 to 10000, not 0",
		`io_weight = 10001`:                              "3: tasks.mail.io_weight: must be a whole number from 1 to 10000, not 10001",
		`tasks_max = 0`:                                  `3: tasks.mail.tasks_max: must be a whole number from 1 to 4194304, not 0; use "infinity" for no limit`,
		`tasks_max = "10"`:                               `3: tasks.mail.tasks_max: must be a whole number from 1 to 4194304, not a string; use "infinity" for no limit`,
		`leftovers = "keep"`:                             `3: tasks.mail.leftovers: must be "allow" or "kill", not "keep"`,
		"memory_high = \"1G\"\nmemory_max = \"1024M\"":   "3: tasks.mail.memory_high: must be lower than memory_max (1G); otherwise the task is killed before it is slowed down",
		"memory_max = \"2G\"\ntotal.memory_max = \"1G\"": "3: tasks.mail.memory_max: must not exceed total.memory_max (1G): one run cannot use more than all runs together",
		"cpu_quota = \"20%\"\ntotal.cpu_quota = \"10%\"": "3: tasks.mail.cpu_quota: must not exceed total.cpu_quota (10%): one run cannot use more than all runs together",
		"tasks_max = 2\ntotal.tasks_max = 1":             "3: tasks.mail.tasks_max: must not exceed total.tasks_max (1): one run cannot use more than all runs together",
		"total.memory_mix = \"1G\"":                      "3: tasks.mail.total.memory_mix: unknown key; did you mean memory_max?",
		"total = \"1G\"":                                 "3: tasks.mail.total: must be a table, not a string",
	} {
		if diff := cmp.Diff([]string{"gordon.toml:" + want}, refuse(t, task(text))); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
	}
}
