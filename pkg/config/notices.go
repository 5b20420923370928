package config

import "strings"

// newRelicTable is how the notice names New Relic's keys.
const newRelicTable = "[stats.newrelic]"

// general returns the notices that are not about a single value.
func general(idle []string, c *Config) []string {
	var list []string
	if text := idleNotice(idle); text != "" {
		list = append(list, text)
	}
	if len(c.Tasks) == 0 {
		list = append(list, "no tasks are configured: gordon would do nothing")
	}
	return list
}

// idleNotice is the one sentence about all keys of 1.x that do nothing now.
func idleNotice(idle []string) string {
	var keys, why []string
	seen := make(map[string]bool)
	for _, k := range idle {
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	if len(keys) > 1 || !seen[newRelicTable] {
		why = append(why, "gordon waits in Redis and wakes at once, so no interval is needed")
	}
	if seen[newRelicTable] {
		why = append(why, "the stats interface takes the place of New Relic")
	}
	return strings.Join(keys, ", ") + ": accepted without effect; " + strings.Join(why, "; ")
}
