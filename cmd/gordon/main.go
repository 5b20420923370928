// Command gordon runs command-line scripts as background tasks that producers
// push to Redis. See gordon(8).
package main

import "os"

func main() {
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}
