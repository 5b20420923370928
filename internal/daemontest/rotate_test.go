package daemontest

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// logrotate moves the file and sends SIGHUP. The log goes to the new file whatever
// else the daemon is doing, and whatever becomes of the reload: it would fill the old
// file for ever, since logrotate leaves an empty new one alone.
func TestARotatedLogIsOpenedAnew(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(*testing.T, *rotation){
		"broken configuration": func(t *testing.T, r *rotation) {
			r.site.Write("gordon.toml", "nonsense = 1\n")
			r.rotate(t, "reload failed")
		},
		"another logfile that cannot be opened": func(t *testing.T, r *rotation) {
			r.site.Write("gordon.toml", strings.ReplaceAll(r.site.Read("gordon.toml"), r.site.File("gordon.log"), "/nonexistent/log"))
			r.rotate(t, "reload failed")
		},
		"redis is down": func(t *testing.T, r *rotation) {
			r.proxy.Decide(func([]byte) redistest.Fault { return redistest.BeforeRequest })
			r.proxy.CutAll()
			r.rotate(t, "")
		},
		"during a reload": func(t *testing.T, r *rotation) {
			r.site.Write("gordon.toml", strings.ReplaceAll(r.site.Read("gordon.toml"), r.proxy.Socket, "/nonexistent/redis"))
			r.daemon.Signal(syscall.SIGHUP)
			r.notify.Hears("RELOADING=1")
			r.rotate(t, "")
			r.rotate(t, "")
		},
		"during a stop": func(t *testing.T, r *rotation) {
			r.site.server.Push(t, "q:T", "{}")
			gordontest.Until(t, "a task runs", func() bool { return r.site.Read("runs") != "" })
			r.daemon.Signal(syscall.SIGTERM)
			r.notify.Hears("STOPPING=1")
			r.rotate(t, "")
			r.site.Write("go", "")
			gordontest.Until(t, "the end is in the new file", func() bool { return strings.Contains(r.site.Read("gordon.log"), "stopped") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := &rotation{site: s, proxy: redistest.NewProxy(t, s.server), notify: gordontest.ListenNotify(t)}
			r.site.Redis = gordontest.Unix(r.proxy.Socket)
			r.site.Script("T", `touch "$D/runs"; echo x >"$D/runs"; while ! [ -e "$D/go" ]; do sleep 0.05; done`)
			r.site.Configure(fmt.Sprintf("logfile = %q\nstart_timeout = \"20s\"\n", r.site.File("gordon.log")) + r.site.Task("T", 1))
			r.daemon = r.site.Run([]string{r.notify.Env()})
			r.notify.Hears("READY=1")
			story(t, r)
		})
	}
}

// rotation is a daemon whose log is rotated.
type rotation struct {
	site   *site
	proxy  *redistest.Proxy
	notify *gordontest.Notify
	daemon *gordontest.Daemon
	count  int
}

// rotate does what logrotate does, and waits until the new file is there and, if it is
// not "", holds text.
func (r *rotation) rotate(t *testing.T, text string) {
	t.Helper()
	r.count++
	if err := os.Rename(r.site.File("gordon.log"), r.site.File(fmt.Sprintf("gordon.log.%d", r.count))); err != nil {
		t.Fatal(err)
	}
	r.daemon.Signal(syscall.SIGHUP)
	gordontest.Until(t, "the log is opened anew", func() bool {
		_, err := os.Stat(r.site.File("gordon.log"))
		return err == nil && strings.Contains(r.site.Read("gordon.log"), text)
	})
}

// At the start, too: it may last as long as Redis is away.
func TestALogThatIsRotatedAtTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Redis = gordontest.Unix("/nonexistent/redis")
	s.Configure(fmt.Sprintf("logfile = %q\nstart_timeout = \"1m\"\n", s.File("gordon.log")))
	n := gordontest.ListenNotify(t)
	r := &rotation{site: s, notify: n, daemon: s.Run([]string{n.Env()})}
	n.Hears("waiting for redis")
	r.rotate(t, "")
	r.daemon.Stop()
}

// The control socket is made again if it is gone.
func TestControlSocketThatIsGone(t *testing.T) {
	t.Parallel()
	s, d, run := startWithSocket(t)
	if err := os.RemoveAll(run); err != nil {
		t.Fatal(err)
	}
	s.Write("gordon.toml", "nonsense = 1\n") // whatever else fails
	d.Signal(syscall.SIGHUP)
	gordontest.Until(t, "the socket is there", func() bool {
		_, err := os.Stat(run + "/control.sock")
		return err == nil
	})
	d.Stop()
	if left, err := os.ReadDir(run); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
