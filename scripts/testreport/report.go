package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is a line of `go test -json`, as documented in `go doc test2json` and
// `go help buildjson`.
type event struct {
	Action  string
	Package string
	Test    string // empty for what is about the package
	Output  string
}

// report gathers events and writes to w what a person wants to see of them.
type report struct {
	w                       io.Writer
	passed, failed, skipped int
	open                    map[string]map[string]string // package → test that runs → its output
	broken                  bool                         // a package or a build has failed
	// stories has what passed shown as well.
	stories bool
	// faults is what failed tests printed. It comes last, where nobody has to look
	// for it, and after it inShort: a log of a thousand lines may follow the one that
	// says what is wrong.
	faults, inShort strings.Builder
}

func newReport(w io.Writer, stories bool) *report {
	return &report{w: w, stories: stories, open: make(map[string]map[string]string)}
}

// read handles all events of r. It fails where they are not what go test prints.
func (r *report) read(from io.Reader) error {
	events := json.NewDecoder(from)
	for {
		var e event
		err := events.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the events of go test: %w", err)
		}
		if e.Test == "" {
			r.ofPackage(e)
		} else {
			r.ofTest(e)
		}
	}
}

func (r *report) ofPackage(e event) {
	switch e.Action {
	case "start":
		r.open[e.Package] = make(map[string]string)
	case "output":
		if e.Output != "PASS\n" { // the line "ok" that follows says more
			fmt.Fprint(r.w, e.Output)
		}
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "build-fail":
		r.broken = true
	case "fail":
		r.broken = true
		r.showOpen(e.Package)
		delete(r.open, e.Package)
	case "pass", "skip": // skip: there are no test files
		delete(r.open, e.Package)
	}
}

func (r *report) ofTest(e event) {
	tests := r.open[e.Package]
	switch e.Action {
	case "output":
		tests[e.Test] += e.Output
		return
	case "pass":
		r.passed++
		if r.stories {
			fmt.Fprint(r.w, tests[e.Test])
		}
	case "fail":
		r.failed++
		fmt.Fprintf(r.w, "FAIL %s: its output stands at the end\n", e.Test)
		r.faults.WriteString(tests[e.Test])
		r.inShort.WriteString(excerpt(e.Test, tests[e.Test]))
	case "skip":
		r.skipped++
		fmt.Fprint(r.w, tests[e.Test])
	default: // run, pause, cont, bench
		return
	}
	delete(tests, e.Test)
}

// showOpen shows what the tests printed that never ended: their process did. Which of
// them is to blame nobody knows, so that only those are repeated that have said why.
func (r *report) showOpen(pkg string) {
	for _, test := range slices.Sorted(maps.Keys(r.open[pkg])) {
		output := r.open[pkg][test]
		r.faults.WriteString(output)
		if said.MatchString(output) {
			r.inShort.WriteString(excerpt(test, output))
		}
	}
}

// close writes the sum and says whether all is well.
func (r *report) close() bool {
	ok := r.failed == 0 && !r.broken
	for _, pkg := range slices.Sorted(maps.Keys(r.open)) {
		ok = false
		fmt.Fprintf(r.w, "%s never ended\n", pkg)
		r.showOpen(pkg)
	}
	fmt.Fprint(r.w, r.faults.String())
	if r.inShort.Len() > 0 {
		fmt.Fprint(r.w, "in short:\n"+r.inShort.String())
	}
	if r.skipped > 0 {
		ok = false
		fmt.Fprintln(r.w, "a skipped test shows nothing: see above what it lacks")
	}
	if r.passed == 0 {
		ok = false
		fmt.Fprintln(r.w, "no test has passed")
	}
	fmt.Fprintf(r.w, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return ok
}

const (
	excerptLines = 10
	excerptWidth = 400 // bytes
)

// said matches the first line of what a test itself has said, not its helpers, or of
// its panic, such as the one of a time-out.
var said = regexp.MustCompile(`(?m)^(?: +\w+_test\.go:\d+|panic): .*$`)

// excerpt is the beginning of what a failed test has said.
func excerpt(test, output string) string {
	short := test + "\n"
	for _, line := range said.FindAllString(output, excerptLines) {
		short += line[:min(len(line), excerptWidth)] + "\n"
	}
	return short
}
