// Package fleettest runs the real binary on several simulated hosts, with short times of
// the protocol: what has to hold when hosts freeze, lose their network or their power.
package fleettest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/hosttest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var binary string

// leaseTime is how long a lease lasts in this package.
const leaseTime = 3 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for leases most of the time.
	err := flag.Set("test.parallel", "6")
	if err != nil {
		panic(err)
	}
	// Also for the children: how long a lease lasts. A frozen host has to outlast it.
	err = os.Setenv("GORDON_TEST_LEASE", leaseTime.String())
	built, remove, buildErr := gordontest.BuildFast(gordontest.FastTimes)
	if err := errors.Join(err, buildErr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = built
	code := m.Run()
	remove()
	os.Exit(code)
}

// node is a gordon on a host of its own.
type node struct {
	*hosttest.Host
	site   *gordontest.Site
	daemon *gordontest.Daemon
}

// fleet is several hosts that share a Redis and a folder.
type fleet struct {
	t     *testing.T
	redis *redistest.Server
	dir   string
	nodes []*node
}

// waits is a script that notes its host's name in the file "started" and ends with a
// note in "ended" once there is a file "go".
const waits = `hostname >>"$S/started"; while ! [ -e "$S/go" ]; do sleep 0.05; done; hostname >>"$S/ended"`

// newFleet boots n hosts a, b, … with a gordon that runs nothing yet; $S in the body of
// their script is the folder that they share.
func newFleet(t *testing.T, n int, body, more string, redisArgs ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: redistest.New(t, redisArgs...), dir: t.TempDir()}
	for i := range n {
		f.add(hosttest.Config{Name: string(rune('a' + i))}, body, more)
	}
	return f
}

func (f *fleet) add(c hosttest.Config, body, more string) *node {
	f.t.Helper()
	h := hosttest.New(f.t, f.redis, c)
	d := &node{Host: h, site: h.Site(binary)}
	d.site.Script("job", "S='"+f.dir+"'\n"+body)
	d.site.Configure(more + d.site.Task("job", 1))
	f.nodes = append(f.nodes, d)
	return d
}

// start starts the gordons of these hosts.
func (f *fleet) start(nodes ...*node) {
	f.t.Helper()
	for _, n := range nodes {
		n.daemon = n.site.Start()
	}
}

func (f *fleet) write(name string) {
	f.t.Helper()
	if err := os.WriteFile(f.dir+"/"+name, nil, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// lines are the words of a file in the shared folder.
func (f *fleet) lines(name string) []string {
	content, err := os.ReadFile(f.dir + "/" + name)
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
	return strings.Fields(string(content))
}

// until waits until a file in the shared folder has these words.
func (f *fleet) until(name string, words ...string) {
	f.t.Helper()
	want := strings.Join(words, " ")
	gordontest.Until(f.t, name+" is "+want, func() bool { return strings.Join(f.lines(name), " ") == want })
}
