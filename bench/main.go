package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

// plan is the extent of the measurements.
type plan struct {
	gordon  string        // path of the binary
	workers []int         // of the type, a row of the table each
	rounds  int           // pairs of gordon and bare os/exec in each row
	tasks   int           // of each round and side
	pushes  int           // one by one, for the latency
	later   int           // entries for later one by one, for how late they run
	idle    time.Duration // how long the idle daemons are watched
	delayed int           // entries for next year that one of them has
}

func main() {
	p := plan{workers: []int{1, 2, 4, 16, 64}}
	flag.StringVar(&p.gordon, "gordon", "bin/gordon", "the `BINARY` to measure")
	flag.IntVar(&p.rounds, "rounds", 5, "pairs of measurements in each row of the throughput")
	flag.IntVar(&p.tasks, "tasks", 1000, "tasks in each of them")
	flag.IntVar(&p.pushes, "pushes", 1000, "pushes for the latency")
	flag.IntVar(&p.later, "later", 300, "entries for later, for how late they run")
	flag.DurationVar(&p.idle, "idle", 30*time.Second, "how long to watch the idle daemons")
	flag.IntVar(&p.delayed, "delayed", 1_000_000, "entries for next year that one of them has")
	hosts := flag.Bool("hosts", false, "measure instead what entries for later cost Redis on several hosts")
	rate := flag.Int("rate", 500, "with -hosts: entries for later a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := p.run
	if *hosts {
		run = hostsPlan{
			gordon: p.gordon, grids: []grid{{1, 10}, {5, 50}, {20, 50}}, entries: 100,
			crowd: grid{50, 100}, rate: *rate, load: 10 * time.Second,
		}.run
	}
	if err := run(ctx, os.Stdout, os.Stderr); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything, says on progress what it does, and writes the result
// to w.
func (p plan) run(ctx context.Context, w, progress io.Writer) (err error) {
	b, err := newBench(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()

	var r result
	for _, workers := range p.workers {
		fmt.Fprintf(progress, "throughput, workers = %d\n", workers)
		row, err := b.throughput(ctx, workers)
		if err != nil {
			return fmt.Errorf("measure the throughput of %d workers: %w", workers, err)
		}
		r.throughput = append(r.throughput, row)
	}
	fmt.Fprintf(progress, "latency, %d pushes\n", p.pushes)
	if r.latency, err = b.latency(ctx); err != nil {
		return fmt.Errorf("measure the latency: %w", err)
	}
	fmt.Fprintf(progress, "entries for later, %d\n", p.later)
	if r.due, err = b.due(ctx); err != nil {
		return fmt.Errorf("measure how late entries run: %w", err)
	}
	fmt.Fprintf(progress, "idle, %v\n", p.idle)
	if r.idle, err = b.idle(ctx); err != nil {
		return fmt.Errorf("measure the idle daemons: %w", err)
	}
	r.machine = b.machine(ctx)
	return r.write(w, p)
}
