package faulttest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// oldServer answers what gordon asks at a start as Redis 6.0.16 does, and returns
// its socket.
func oldServer(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gordon-old")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if err := answerAsOld(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("the old server: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait(); os.RemoveAll(dir) })
	return l.Addr().String()
}

// answerAsOld reads commands as arrays of bulk strings
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
func answerAsOld(c net.Conn) error {
	r := bufio.NewReader(c)
	queued := 0
	for {
		command, err := readCommand(r)
		if err != nil {
			return err
		}
		answer := "+OK\r\n"
		switch {
		case command[0] == "INFO":
			text := "# Server\r\nredis_version:6.0.16\r\nmaxmemory_policy:noeviction\r\n"
			answer = fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		case strings.Join(command[:min(2, len(command))], " ") == "CLIENT ID":
			answer = ":1\r\n"
		case command[0] == "MULTI":
			queued = 0
		case command[0] == "EXEC":
			answer = fmt.Sprintf("*%d\r\n%s", queued, strings.Repeat(":1\r\n", queued))
		case command[0] == "HSET" || command[0] == "SET" || command[0] == "HDEL" || command[0] == "DEL":
			queued++
			answer = "+QUEUED\r\n"
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return err
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	command := make([]string, n)
	for i := range command {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(r, word); err != nil {
			return nil, err
		}
		command[i] = string(word[:size])
	}
	return command, nil
}
