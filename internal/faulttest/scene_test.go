package faulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// The types of a scene. Each script notes the number of its entry.
const (
	quick = "quick" // ends at once
	fails = "fails" // ends at once with 3
	long  = "long"  // runs until the end of the fault
	mid   = "mid"   // runs until the middle of the fault, and ends with 3
	probe = "probe" // ends at once; its queue is empty during the fault
)

const waits = `echo "$1" >>"$D/%[1]s.started"; while ! [ -e "$D/%[1]s.go" ]; do sleep 0.05; done; echo "$1" >>"$D/%[1]s"`

// scene is a Redis, a gordon that works with it, and what was pushed.
type scene struct {
	*gordontest.Site
	t      testing.TB
	redis  *redistest.Server
	proxy  *redistest.Proxy // nil without one
	admin  redis.Conn       // made before the fault
	notify *gordontest.Notify
	daemon *gordontest.Daemon
	// pushed is the number of entries by type; they are numbered from 0.
	pushed map[string]int
}

// newScene starts Redis and no gordon yet.
func newScene(t testing.TB, proxied bool, args ...string) *scene {
	t.Helper()
	s := &scene{t: t, redis: redistest.New(t, args...), pushed: make(map[string]int), notify: gordontest.ListenNotify(t)}
	socket := s.redis.Socket
	if proxied {
		s.proxy = redistest.NewProxy(t, s.redis)
		socket = s.proxy.Socket
	}
	s.Site = gordontest.NewSite(t, binary, gordontest.Unix(socket))
	s.admin = s.redis.Conn(t)
	s.Script(quick, `echo "$1" >>"$D/quick"`)
	s.Script(probe, `echo "$1" >>"$D/probe"`)
	s.Script(fails, `echo "$1" >>"$D/fails"; exit 3`)
	s.Script(long, fmt.Sprintf(waits, long))
	s.Script(mid, fmt.Sprintf(waits, mid)+"; exit 3")
	s.Configure(s.Task(quick, 4) + s.Task(fails, 2) + s.Task(long, 1) + s.Task(mid, 1) + s.Task(probe, 1) + "[stats]\ninterface = \"127.0.0.1:0\"\n")
	return s
}

func (s *scene) start() {
	s.t.Helper()
	s.daemon = s.Run([]string{s.notify.Env()})
	s.daemon.Says("gordon is up")
}

var served = regexp.MustCompile(`stats interface is listening address=(\S+)`)

// statsSay waits until the stats interface tells how Redis is in these words.
func (s *scene) statsSay(state string) {
	s.t.Helper()
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://" + served.FindStringSubmatch(s.daemon.Printed())[1]
	gordontest.Until(s.t, "the statistics say "+state, func() bool {
		var answer struct{ Redis string }
		resp, err := client.Get(url)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&answer) == nil && answer.Redis == state
	})
}

// push is what producers do.
func (s *scene) push(taskType string, n int) {
	s.t.Helper()
	var entries []string
	for range n {
		entries = append(entries, gordontest.Numbered(s.pushed[taskType]))
		s.pushed[taskType]++
	}
	s.redis.Push(s.t, s.QueueKey+":"+taskType, entries...)
}

// do asks Redis on the connection of before the fault.
func (s *scene) do(name string, args ...any) any {
	s.t.Helper()
	reply, err := s.admin.Do(name, args...)
	if err != nil {
		s.t.Fatalf("%s %v: %v", name, args, err)
	}
	return reply
}

func (s *scene) config(name, value string) {
	s.t.Helper()
	s.do("CONFIG", "SET", name, value)
}

// waitLines waits until a script has noted n numbers.
func (s *scene) waitLines(name string, n int) {
	s.t.Helper()
	gordontest.Until(s.t, fmt.Sprintf("%d lines in %s", n, name), func() bool { return len(s.Lines(name)) >= n })
}

// counts is how often each number was noted.
func counts(numbers []string) map[string]int {
	c := make(map[string]int)
	for _, n := range numbers {
		c[n]++
	}
	return c
}

// onFailedList are the numbers of the entries on the failed list of a type.
func (s *scene) onFailedList(taskType string) (numbers []string) {
	s.t.Helper()
	for _, record := range s.redis.List(s.t, s.QueueKey+":"+taskType+":failed") {
		var r struct {
			Args    []string
			Message string `json:"error_message"`
		}
		if err := json.Unmarshal([]byte(record), &r); err != nil || len(r.Args) != 1 || r.Message == "" {
			s.t.Fatalf("record %q: %v", record, err)
		}
		numbers = append(numbers, r.Args[0])
	}
	return numbers
}

// once checks that each of the numbers from 0 up to n is there once.
func (s *scene) once(what string, n int, numbers []string) {
	s.t.Helper()
	got := counts(numbers)
	for i := range n {
		if c := got[strconv.Itoa(i)]; c != 1 {
			s.t.Errorf("%s: entry %d is there %d times, want once", what, i, c)
		}
	}
	if len(got) > n {
		s.t.Errorf("%s: %d different entries, pushed were %d", what, len(got), n)
	}
}

// settled tells whether nothing is queued or running.
func (s *scene) settled() bool {
	for _, key := range s.redis.Keys(s.t, s.QueueKey+":*") {
		name := strings.TrimPrefix(key, s.QueueKey+":")
		_, isType := s.pushed[name]
		if isType || strings.Contains(name, ":run:") {
			return false
		}
	}
	return true
}

var stateChange = regexp.MustCompile(`lost connection to redis|reconnected to redis|redis refuses.*?redis: ([A-Z]+)`)

func (s *scene) states() string { return states(s.daemon) }

// states are the changes of Redis' state as the log has them: "lost", "back", or
// the code of a refusal.
func states(d *gordontest.Daemon) string {
	change := map[string]string{"lost connection to redis": "lost", "reconnected to redis": "back"}
	var states []string
	for _, m := range stateChange.FindAllStringSubmatch(d.Printed(), -1) {
		if m[1] != "" {
			states = append(states, m[1])
		} else {
			states = append(states, change[m[0]])
		}
	}
	return strings.Join(states, " ")
}
