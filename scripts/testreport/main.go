// Command testreport reads what `go test -json` prints (see go doc test2json)
// and shows what `go test` would have shown, with a count of the tests. Unlike
// go test it fails when a test was skipped, or when there was none. With -stories it
// shows also what tests print that pass.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	stories := flag.Bool("stories", false, "show what passed as well")
	flag.Parse()
	r := newReport(os.Stdout, *stories)
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !r.close() {
		os.Exit(1)
	}
}
