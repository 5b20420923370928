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
	var queued []string // answers, from MULTI on
	inMulti := false
	for {
		command, err := readCommand(r)
		if err != nil {
			return err
		}
		answer := answerOfOld(command)
		switch {
		case command[0] == "MULTI":
			queued, inMulti = nil, true
		case command[0] == "EXEC":
			answer, inMulti = fmt.Sprintf("*%d\r\n%s", len(queued), strings.Join(queued, "")), false
		case inMulti:
			queued, answer = append(queued, answer), "+QUEUED\r\n"
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return err
		}
	}
}

func answerOfOld(command []string) string {
	switch {
	case command[0] == "INFO":
		text := "# Server\r\nredis_version:6.0.16\r\nrun_id:0\r\nmaxmemory_policy:noeviction\r\n"
		return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	case command[0] == "EVAL": // by which an instance is put on record
		return "$0\r\n\r\n"
	case strings.Join(command[:min(2, len(command))], " ") == "CLIENT ID":
		return ":1\r\n"
	default:
		return "+OK\r\n"
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
