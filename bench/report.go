package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gomodule/redigo/redis"
)

// result has the results of all measurements.
type result struct {
	machine    string
	throughput []throughput
	latency    latency
	due        due
	idle       idle
}

// write writes the result as text.
func (r result) write(w io.Writer, p plan) error {
	fmt.Fprintf(w, "\n%s\n", r.machine)

	fmt.Fprintf(w, "\nTasks per second of %s, the median of %d rounds of %d tasks (ratio: lowest to highest round)\n\n", program, p.rounds, p.tasks)
	if err := table(w, r.throughputTable); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nFrom the push to the first statement of the script, %d pushes one by one to an idle daemon\n\n", p.pushes)
	if err := table(w, r.latency.table); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nFrom the moment at which an entry for later is due to the first statement, %d of them in turns with pushes\n\n", len(r.due.late))
	if err := table(w, r.due.table); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nAn idle daemon with %d types, watched for %v, beside one with %d entries that are due next year\n\n",
		idleTypes, r.idle.without.watched.Round(time.Millisecond), r.idle.delayed)
	if err := table(w, r.idle.table); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nRedis commands without: %s\nwith: %s\n", list(r.idle.without.commands), list(r.idle.with.commands))
	_, err := fmt.Fprintf(w, "\nTo repeat: make bench, or go run ./bench -gordon %s -rounds %d -tasks %d -pushes %d -later %d -idle %v -delayed %d\n",
		p.gordon, p.rounds, p.tasks, p.pushes, p.later, p.idle, p.delayed)
	return err
}

// table writes rows whose cells end with tabs.
func table(w io.Writer, rows func(io.Writer)) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	rows(t)
	return t.Flush()
}

func (r result) throughputTable(w io.Writer) {
	fmt.Fprintln(w, "workers\tgordon\tbare os/exec\tratio\t\tresident after\t")
	for _, row := range r.throughput {
		ratios := row.ratios()
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.2f\t(%.2f to %.2f)\t%s\t\n", row.workers, median(row.gordon), median(row.bare),
			median(ratios), slices.Min(ratios), slices.Max(ratios), mib(row.after.resident))
	}
}

func (l latency) table(w io.Writer) {
	fmt.Fprintln(w, "\tp50\tp99\tmax\t")
	timesRow(w, "gordon", l.gordon)
	timesRow(w, "bare os/exec", l.bare)
	fmt.Fprintf(w, "gordon and Redis add\t%s\t\t\t\n", ms(quantile(l.gordon, 0.5)-quantile(l.bare, 0.5)))
}

func timesRow(w io.Writer, name string, times []time.Duration) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", name, ms(quantile(times, 0.5)), ms(quantile(times, 0.99)), ms(slices.Max(times)))
}

func (i idle) table(w io.Writer) {
	fmt.Fprintf(w, "\tnone for later\t%d for later\tratio\t\n", i.delayed)
	row := func(name string, show func(float64) string, of func(idleSide) float64) {
		without, with := of(i.without), of(i.with)
		ratio := "-"
		if without > 0 {
			ratio = fmt.Sprintf("%.2f", with/without)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", name, show(without), show(with), ratio)
	}
	kib := func(n float64) string { return mib(int64(n)) }
	row("resident memory", kib, func(s idleSide) float64 { return float64(s.memory.resident) })
	row("its peak", kib, func(s idleSide) float64 { return float64(s.memory.peak) })
	row("proportional", kib, func(s idleSide) float64 { return float64(s.memory.share) })
	row("CPU time", func(n float64) string { return ms(time.Duration(n)) }, func(s idleSide) float64 { return float64(s.cpu) })
	row("context switches", func(n float64) string { return fmt.Sprintf("%.0f", n) }, func(s idleSide) float64 { return float64(s.switches) })
	row("Redis commands/min", func(n float64) string { return fmt.Sprintf("%.1f", n) }, idleSide.perMinute)
}

// machine says what was measured, and on what: numbers mean little without.
func (b *bench) machine(ctx context.Context) string {
	version, err := exec.CommandContext(ctx, b.binary, "version").Output()
	if err != nil {
		version = []byte("gordon of an unknown version")
	}
	facts := []string{strings.TrimSpace(string(version)), runtime.Version(), fmt.Sprintf("%d CPUs", runtime.NumCPU())}
	if info, err := redis.String(b.redis.Do("INFO", "server")); err == nil {
		_, rest, _ := strings.Cut(info, "redis_version:")
		number, _, _ := strings.Cut(rest, "\r\n")
		facts = append(facts, "Redis "+number+" on a unix socket")
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		facts = append(facts, "Linux "+strings.TrimSpace(string(kernel)))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(load), " ")
		facts = append(facts, "load "+first+" at the end")
	}
	return strings.Join(facts, ", ")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func mib(kib int64) string { return fmt.Sprintf("%.1f MiB", float64(kib)/1024) }

func (i idleSide) perMinute() float64 {
	sum := int64(0)
	for _, n := range i.commands {
		sum += n
	}
	return float64(sum) / i.watched.Minutes()
}

func list(calls map[string]int64) string {
	if len(calls) == 0 {
		return "none"
	}
	var parts []string
	for _, command := range slices.Sorted(maps.Keys(calls)) {
		parts = append(parts, fmt.Sprintf("%s %d", command, calls[command]))
	}
	return strings.Join(parts, ", ")
}
