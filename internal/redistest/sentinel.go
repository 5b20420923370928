package redistest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// MasterName is the name of the master of a [Cluster].
const MasterName = "main"

// Cluster is a master, its replicas, and the sentinels that watch them, all on
// ports of the loopback interface.
type Cluster struct {
	// Sentinels are the addresses of the sentinels.
	Sentinels []string
	// Servers are the master and its replicas, as they were at the start, by
	// address.
	Servers map[string]*Server
}

// StartCluster starts a master, replicas and sentinels, and returns when the
// sentinels know of all of them. A master that is silent for 1 s counts as down.
func StartCluster(t testing.TB, replicas, sentinels int) *Cluster {
	t.Helper()
	c := &Cluster{Servers: make(map[string]*Server)}
	ports := FreePorts(t, 1+replicas+sentinels)
	master := ports[0]
	for i, port := range ports[:1+replicas] {
		args := []string{"--port", port, "--bind", "127.0.0.1", "--appendonly", "yes", "--repl-diskless-sync-delay", "0"}
		if i > 0 {
			args = append(args, "--replicaof", "127.0.0.1 "+master)
		}
		c.Servers[net.JoinHostPort("127.0.0.1", port)] = New(t, args...)
	}
	for _, port := range ports[1+replicas:] {
		startSentinel(t, "port "+port, "bind 127.0.0.1",
			fmt.Sprintf("sentinel monitor %s 127.0.0.1 %s %d", MasterName, master, sentinels/2+1),
			"sentinel down-after-milliseconds "+MasterName+" 1000",
			"sentinel failover-timeout "+MasterName+" 3000")
		c.Sentinels = append(c.Sentinels, net.JoinHostPort("127.0.0.1", port))
	}
	c.await(t, replicas, sentinels)
	return c
}

// startSentinel starts a sentinel with these lines of configuration. It needs a
// file that it can write, and knows few of a server's settings.
func startSentinel(t testing.TB, lines ...string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gordon-sentinel")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{dir: dir, Socket: filepath.Join(dir, "s")}
	conf := filepath.Join(dir, "sentinel.conf")
	lines = append(lines, "unixsocket "+s.Socket, "dir "+dir, "logfile "+filepath.Join(dir, "log"))
	err = os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
	if err == nil {
		err = s.launch(conf, "--sentinel")
	}
	if err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(dir)))
	}
	s.until(t, nil)
	if err := s.Await(); err != nil {
		t.Fatal(err)
	}
}

// FreePorts returns ports that were free a moment ago. They are below those that
// the kernel gives to connections by itself (ip_local_port_range in ip(7)): one of
// another test, which runs meanwhile, would have taken some of them by the time that
// a server listens there. All are held until the last is found, so that they differ.
func FreePorts(t testing.TB, n int) (ports []string) {
	t.Helper()
	const first, last, attempts = 10_000, 32_767, 1000
	for range attempts {
		if len(ports) == n {
			return ports
		}
		port := strconv.Itoa(first + rand.IntN(last-first+1))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue // taken
		}
		defer l.Close()
		ports = append(ports, port)
	}
	t.Fatalf("%d free ports in %d attempts, want %d", len(ports), attempts, n)
	return nil
}

func (c *Cluster) await(t testing.TB, replicas, sentinels int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for _, address := range c.Sentinels {
		for {
			state, err := redis.StringMap(c.ask(address, "SENTINEL", "MASTER", MasterName))
			slaves, _ := strconv.Atoi(state["num-slaves"])
			others, _ := strconv.Atoi(state["num-other-sentinels"])
			if err == nil && slaves == replicas && others == sentinels-1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the sentinel at %s does not know all: %v, %v", address, state, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (c *Cluster) ask(address, command string, args ...any) (any, error) {
	conn, err := redis.Dial("tcp", address, redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second))
	if err != nil {
		return nil, err
	}
	reply, err := conn.Do(command, args...)
	return reply, errors.Join(err, conn.Close())
}

// Failover has the sentinels make another server the master. The old one is
// there all the time, and becomes a replica.
func (c *Cluster) Failover(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := c.ask(c.Sentinels[0], "SENTINEL", "FAILOVER", MasterName)
		if err == nil {
			return
		}
		// A replica that has just come is not trusted yet.
		if !strings.HasPrefix(err.Error(), "NOGOODSLAVE") || time.Now().After(deadline) {
			t.Fatalf("SENTINEL FAILOVER: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// AskSentinels sends one command to each of the sentinels.
func (c *Cluster) AskSentinels(t testing.TB, name string, args ...any) {
	t.Helper()
	for _, address := range c.Sentinels {
		if _, err := c.ask(address, name, args...); err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
	}
}

// Guard has the sentinels ask for a password from now on.
func (c *Cluster) Guard(t testing.TB, password string) {
	t.Helper()
	c.AskSentinels(t, "ACL", "SETUSER", "default", ">"+password)
}

// Master returns the server that all sentinels call the master and that itself agrees,
// so that it accepts writes, or nil if there is none.
func (c *Cluster) Master(t testing.TB) *Server {
	t.Helper()
	var master string
	for _, sentinel := range c.Sentinels {
		parts, err := redis.Strings(c.ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MasterName))
		if err != nil || len(parts) != 2 {
			return nil
		}
		address := net.JoinHostPort(parts[0], parts[1])
		if master != "" && master != address {
			return nil
		}
		master = address
	}
	role, err := redis.Values(c.ask(master, "ROLE"))
	if err != nil || len(role) == 0 {
		return nil
	}
	if name, err := redis.String(role[0], nil); err != nil || name != "master" {
		return nil
	}
	return c.Servers[master]
}
