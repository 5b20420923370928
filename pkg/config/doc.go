// Package config turns gordon.toml and its drop-ins into one resolved [Config].
//
// It owns the meaning of every key: its name, type, unit, default, limits and
// inheritance from the top of the file to a task, and what a Gordon 1.x file
// may hold. It reports every fault of every file in one go, with file and line.
//
// No password stands in a configuration, only the name of the file that holds it;
// what looks like one all the same is never repeated in a fault (secret.go).
//
// It must not know who uses the values: it opens no connection, starts nothing,
// and does not look whether a script exists.
//
// The way of a value: [Load] reads the files (files.go), each is parsed
// (parse.go) beside a map of its lines (locate.go), checked against the list of
// keys (schema.go, decode.go) and laid over what earlier files said
// (settings.go); then defaults and inheritance are applied (resolve.go) and
// what depends on several keys is checked (validate.go, validate_redis.go,
// names.go).
package config
