//go:build ignore

// Command push pushes one entry for Gordon, with redigo.
//
//	go run push.go TYPE [ARGUMENT...]
//
// REDIS_ADDRESS is host:port or the absolute path of a unix socket, QUEUE_KEY
// is the queue_key of gordon.toml. It prints how many entries now wait.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// entry is what Gordon reads: the arguments of the script, and variables for
// its environment.
type entry struct {
	Args []string          `json:"args"`
	Env  map[string]string `json:"env,omitempty"`
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: push TYPE [ARGUMENT...]")
		os.Exit(2)
	}
	address := cmp.Or(os.Getenv("REDIS_ADDRESS"), "127.0.0.1:6379")
	list := cmp.Or(os.Getenv("QUEUE_KEY"), "taskqueue") + ":" + os.Args[1]
	waiting, err := push(address, list, entry{Args: os.Args[2:]})
	if err != nil {
		fmt.Fprintln(os.Stderr, "push:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, waiting)
}

// push returns how many entries now wait. A program that pushes often keeps its
// connection, or a [redis.Pool] of them.
func push(address, list string, e entry) (waiting int, err error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	c, err := redis.Dial(network, address)
	if err != nil {
		return 0, fmt.Errorf("connect to redis: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	raw, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encode the entry: %w", err)
	}
	waiting, err = redis.Int(c.Do("RPUSH", list, raw))
	if err != nil {
		return 0, fmt.Errorf("push the entry: %w", err)
	}
	return waiting, nil
}
