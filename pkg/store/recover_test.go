package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// recovery returns the recovery of entry e in run list 0 of type T of instance I.
func recovery(entry string, change ...func(*Recovery)) Recovery {
	r := Recovery{Dead: "I", Type: "T", Certain: true, Entry: []byte(entry), Keep: Keep{TTL: time.Hour}}
	for _, c := range change {
		c(&r)
	}
	return r
}

func failing(r *Recovery) { r.Fail, r.Record = true, []byte("record of "+string(r.Entry)) }

func recoverOnce(t *testing.T, l *Link, r Recovery) (result Recovered) {
	t.Helper()
	use(t, l, func(c *Conn) (err error) {
		result, err = c.Recover(keys, r)
		return err
	})
	return result
}

// Many daemons may find the same dead one. Each entry goes back once, to the head of its
// queue.
func TestRecoverMovesEachEntryOnce(t *testing.T) {
	server.Flush(t)
	for i := range 20 {
		server.Push(t, keys.Run("T", "I", i), fmt.Sprint(i))
	}
	server.Push(t, "q:T", "waiting")
	var mu sync.Mutex
	results := make(map[Recovered]int)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			link := NewClient(Options{Network: "unix", Address: server.Socket, Instance: "test"}).Link()
			defer link.Close()
			for i := range 20 {
				if err := link.Use(t.Context(), func(c *Conn) error {
					result, err := c.Recover(keys, recovery(fmt.Sprint(i), func(r *Recovery) { r.List = i }))
					mu.Lock()
					defer mu.Unlock()
					results[result]++
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[Recovered]int{Requeued: 20, RecoveredNothing: 80}, results); diff != "" {
		t.Error(diff)
	}
	queue := server.List(t, "q:T")
	if len(queue) != 21 || queue[20] != "waiting" {
		t.Errorf("recovered entries belong at the head: %q", queue)
	}
	slices.Sort(queue)
	if len(slices.Compact(queue)) != 21 {
		t.Errorf("some are there twice: %q", queue)
	}
}

func TestRecoverLeavesALivingInstanceAlone(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, run0, "x")
	server.Do(t, "SET", keys.Lease("I"), "", "EX", 30)
	uncertain := func(r *Recovery) { r.Certain = false }
	if got := recoverOnce(t, l, recovery("x", uncertain)); got != RecoveredAlive {
		t.Errorf("got %q", got)
	}
	checkLists(t, map[string][]string{run0: {"x"}, "q:T": {}})
	server.Do(t, "DEL", keys.Lease("I"))
	if got := recoverOnce(t, l, recovery("x", uncertain)); got != Requeued {
		t.Errorf("without a lease: %q", got)
	}
	checkLists(t, map[string][]string{run0: {}, "q:T": {"x"}})
}

// Recovery may take minutes, with an error_script per entry: an instance that was
// frozen may be back before it is taken off the record.
func TestForgetDeadLeavesALivingInstanceOnRecord(t *testing.T) {
	l := open(t, server.Socket)
	forget := func(certain bool) (left []string) {
		use(t, l, func(c *Conn) error { return c.ForgetDead(keys, "I", certain) })
		return server.Keys(t, "*")
	}
	use(t, l, func(c *Conn) error { return register(c, keys, Instance{ID: "I"}, time.Minute) })
	if left := forget(false); len(left) != 3 {
		t.Errorf("of one that lives, the record, the lease and the connections: %q", left)
	}
	server.Do(t, "DEL", keys.Lease("I"))
	if left := forget(false); len(left) != 0 {
		t.Errorf("of one whose lease is gone: %q", left)
	}
	use(t, l, func(c *Conn) error { return register(c, keys, Instance{ID: "I"}, time.Minute) })
	if left := forget(true); len(left) != 0 {
		t.Errorf("of one that is dead for certain: %q", left)
	}
}

func TestRecoverMovesOnlyWhatItHasSeen(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, run0, "another by now")
	if got := recoverOnce(t, l, recovery("x")); got != RecoveredNothing {
		t.Errorf("got %q", got)
	}
	checkLists(t, map[string][]string{run0: {"another by now"}, "q:T": {}})
}

func TestRecoverToTheFailedList(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, run0, "x")
	if got := recoverOnce(t, l, recovery("x", failing)); got != Failed {
		t.Errorf("got %q", got)
	}
	checkLists(t, map[string][]string{run0: {}, "q:T": {}, "q:T:failed": {"record of x"}})
	if ttl := server.Do(t, "TTL", "q:T:failed").(int64); ttl < 3000 || ttl > 3600 {
		t.Errorf("TTL %d", ttl)
	}
}

// A refusal after an entry was moved is no error of the move: otherwise the log and the
// error_script would not report that the entry is not run again.
func TestRecoverWithoutTheRightToExpire(t *testing.T) {
	l := open(t, server.Socket)
	forbid(t, "expire")
	for _, want := range []Recovered{Failed, Requeued} {
		server.Push(t, run0, "x")
		if got := recoverOnce(t, l, recovery("x", func(r *Recovery) {
			if want == Failed {
				failing(r)
			}
		})); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	checkLists(t, map[string][]string{run0: {}, "q:T": {"x"}, "q:T:failed": {"record of x"}})
}

// A machine that lost its power sends no FIN: its BLMOVE still waits in Redis, and would
// move the next entry for nobody.
func TestFenceInstanceEndsWhatTheDeadStillWaitFor(t *testing.T) {
	p := redistest.NewProxy(t, server)
	server.Flush(t)
	dial := func(instance, socket string) *Link {
		return NewClient(Options{Network: "unix", Address: socket, Instance: instance, CommandTimeout: 2 * time.Second}).Link()
	}
	dead, neighbour, l := dial("host-1", p.Socket), dial("host-10", server.Socket), dial("living", server.Socket)
	defer l.Close()
	ended := make(chan error, 2)
	wait := func(l *Link, r RunList) {
		ended <- l.Use(t.Context(), func(c *Conn) error {
			entry, err := c.Take(t.Context(), keys, r, time.Minute)
			if string(entry) == "theirs" {
				return nil
			}
			return errors.Join(err, fmt.Errorf("took %q", entry))
		})
	}
	go wait(dead, RunList{Type: "T", Instance: "host-1"})
	redistest.WaitBlocked(t, server, 1)
	p.CutClients()
	if err := <-ended; err == nil {
		t.Error("the cut went unnoticed")
	}
	go wait(neighbour, RunList{Type: "U", Instance: "host-10"})
	redistest.WaitBlocked(t, server, 2)
	for _, want := range []int{1, 0} {
		use(t, l, func(c *Conn) error {
			dropped, err := c.FenceInstance(keys, "host-1", time.Minute)
			if dropped != want {
				t.Errorf("%d connections were dropped, want %d", dropped, want)
			}
			return err
		})
	}
	server.Push(t, "q:T", "x")
	checkLists(t, map[string][]string{"q:T": {"x"}, keys.Run("T", "host-1", 0): {}})
	server.Push(t, "q:U", "theirs")
	if err := <-ended; err != nil {
		t.Errorf("another instance was cut off: %v", err)
	}
	if err := neighbour.Close(); err != nil {
		t.Error(err)
	}
}
