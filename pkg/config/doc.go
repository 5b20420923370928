// Package config reads gordon.toml and its drop-ins into one [Config].
//
// It owns the meaning of every key: its name, type, unit, limits, default and
// inheritance, and what a file of Gordon 1.x may have. It reports every fault of
// every file at once, with file and line.
//
// No password is in a configuration, only the name of the file that holds it. A
// value that may be a password never appears in a fault (suggest.go,
// values_redis.go).
//
// It must not know who uses the values: it opens no connection, starts nothing, and
// does not check whether a script exists.
//
// Each key has one declaration (keys.go), which is bound to the field for its value.
// [Load] lists the files (files.go), sets the defaults, and reads the values of each
// file into the fields (decode.go). The values at the top of all files are read
// first: each task starts as a copy of them (draft.go). Then it checks values that
// depend on each other (validate.go, validate_redis.go). The rules of 1.x
// come last (legacy.go).
package config
