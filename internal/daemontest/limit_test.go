package daemontest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// With limitedBinary, the test program becomes that program, as a user that may have
// so many processes ("ulimit -u").
const (
	limitedBinary = "GORDON_TEST_LIMITED_BINARY"
	limitedUser   = "GORDON_TEST_LIMITED_USER"
	limitedTo     = "GORDON_TEST_LIMITED_TO"
)

// execLimited replaces this program by another one. It returns only with an error.
func execLimited(program string) error {
	uid, err := strconv.Atoi(os.Getenv(limitedUser))
	if err != nil {
		return err
	}
	limit, err := strconv.ParseUint(os.Getenv(limitedTo), 10, 32)
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("limit the processes: %w", err)
	}
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("give up the groups: %w", err)
	}
	if err := syscall.Setgid(uid); err != nil {
		return fmt.Errorf("change the group: %w", err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("change the user: %w", err)
	}
	return unix.Exec(program, append([]string{program}, os.Args[1:]...), os.Environ())
}

// tasks is how many tasks TestNoThreadIsMadeLater runs.
var tasks = flag.Int("daemon.tasks", 400, "how many tasks TestNoThreadIsMadeLater runs")

// hog takes all processes that the user may have, lets go of some at random, and so
// on. It notes that the limit was reached.
const hog = `my ($dir, $stop, %k) = shift;
$SIG{TERM} = sub { $stop = 1 };
until ($stop) {
	my $p = fork;
	if (defined $p) {
		if (!$p) { $SIG{TERM} = 'DEFAULT'; sleep 300; exit }
		$k{$p} = 1; next;
	}
	open F, '>', "$dir/full"; close F;
	select undef, undef, undef, rand 0.05;
	for (keys %k) { next if rand > 0.3; kill 9, $_; waitpid $_, 0; delete $k{$_} }
}
kill 9, keys %k;
1 while wait > 0;`

// limitedSite is a folder for a gordon of the user uid, and its own Redis.
func limitedSite(t *testing.T, uid, limit int) (s *gordontest.Site, redis *redistest.Server, env []string) {
	t.Helper()
	redis = redistest.New(t)
	s = gordontest.NewSite(t, os.Args[0], gordontest.Unix(redis.Socket))
	shipped := shippedBinary(t)
	for path, mode := range map[string]os.FileMode{
		redis.Socket: 0o777, filepath.Dir(redis.Socket): 0o755, s.Dir(): 0o777, filepath.Dir(s.Dir()): 0o755,
		filepath.Dir(shipped): 0o755, os.Args[0]: 0o755,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return s, redis, []string{
		limitedBinary + "=" + shipped, fmt.Sprintf("%s=%d", limitedUser, uid), fmt.Sprintf("%s=%d", limitedTo, limit),
	}
}

// A user that may have no more processes costs nothing but time: other processes of
// his take all that there may be, again and again, while gordon takes entries with many
// workers, reloads, collects garbage all the time, and is told to stop.
func TestAtTheLimitOfProcesses(t *testing.T) {
	t.Parallel()
	const limit, entries = 120, 400
	uid := 61000 + os.Getpid()%3000
	s, redis, env := limitedSite(t, uid, limit)
	for _, name := range []string{"again", "once"} {
		s.Script(name, `echo $1 >>$D/`+name)
	}
	s.Configure(s.Task("again", 24) + s.Task("once", 24) + "on_crash = \"fail\"\n")
	d := s.Run(append(env, "GOGC=1"))
	d.Says("gordon is up")

	other := exec.Command(os.Args[0], "-e", hog, s.Dir())
	other.Env = append(os.Environ(), append(env, limitedBinary+"=/usr/bin/perl")...)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	hogEnded := make(chan struct{})
	go func() {
		_ = other.Wait()
		close(hogEnded)
	}()
	endHog := func() {
		_ = other.Process.Signal(unix.SIGTERM)
		<-hogEnded
	}
	t.Cleanup(endHog)
	gordontest.Until(t, "the limit is reached", func() bool { _, err := os.Stat(s.File("full")); return err == nil })

	for n := range entries {
		redis.Push(t, "q:again", gordontest.Numbered(n))
		redis.Push(t, "q:once", gordontest.Numbered(n))
	}
	for n := range 20 {
		time.Sleep(200 * time.Millisecond) // how long the trouble lasts, no wait for anything
		select {
		case <-d.Gone:
			t.Fatalf("gordon has died: %s", lastOf(d.Printed()))
		default:
		}
		if n%3 == 0 {
			d.Signal(unix.SIGHUP)
		}
	}
	d.Says("reloaded")
	d.Stop()
	endHog()

	d = s.Run(env)
	gordontest.Until(t, "all ran", func() bool { return len(redis.Keys(t, "q:again*"))+len(redis.Keys(t, "q:once*")) == 0 })
	d.Stop()
	for _, name := range []string{"again", "once"} {
		ran := s.Lines(name)
		slices.Sort(ran)
		if twice := len(ran) - len(slices.Compact(slices.Clone(ran))); twice > 0 || len(ran) != entries {
			t.Errorf("%s: %d runs, %d of them again; want %d", name, len(ran), twice, entries)
		}
	}
	if left := leftInRedis(t, redis); len(left) > 0 {
		t.Errorf("left in redis: %v", left)
	}
}

func lastOf(text string) string { return text[max(0, len(text)-2000):] }

// The threads that there are when gordon is up are all that it ever has: none has to
// be made when there may be no room for one.
func TestNoThreadIsMadeLater(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Binary = shippedBinary(t)
	s.Script("T", `echo $1 >>$D/done`)
	s.Script("closed", `exec >&- 2>&-; sleep 1000`)
	s.Configure("shutdown_timeout = \"0s\"\n" + s.Task("T", 64) + s.Task("closed", 64))
	d := s.Run([]string{"GOGC=1"})
	d.Says("gordon is up")
	before := d.Threads()
	for n := range *tasks {
		s.server.Push(t, "q:T", gordontest.Numbered(n))
		if n%30 == 0 {
			s.server.Push(t, "q:closed", gordontest.Numbered(n))
		}
		if n%200 == 0 {
			d.Signal(unix.SIGHUP)
		}
	}
	gordontest.Until(t, "all ran", func() bool { return strings.Count(s.Read("done"), "\n") >= *tasks })
	for _, tid := range d.Threads() {
		if !slices.Contains(before, tid) {
			t.Errorf("thread %d was made later than the first %d", tid, len(before))
		}
	}
	d.Stop()
}
