package runner

import "os/exec"

// LookPath returns the path of a program: name itself where it holds a slash,
// else what the daemon's PATH leads to. It is for the error_script, which 1.6.5
// looked up like that; the scripts of tasks are never looked up.
func LookPath(name string) (string, error) { return exec.LookPath(name) }
