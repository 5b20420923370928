// Package tomlfile parses a TOML file and keeps the line of every key, so that a
// program can report each error of a file with its line.
//
// It owns the syntax: positions, the limit on the depth, and hints for common
// mistakes. It is the only importer of the TOML library. It does not know which
// keys there are.
//
// No error repeats the text of a line that may contain a password.
package tomlfile
