package taskqueue

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// TestSlotModel holds the real fetcher and finisher and the watch that moves what
// is due, on a real Redis behind a proxy that loses connections at any moment,
// against a model of what a queue, two slots and the entries for later are: after
// each step, every entry is where the model has it, and nowhere else.
func TestSlotModel(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	p := redistest.NewProxy(t, server)
	rapid.Check(t, func(rt *rapid.T) {
		server.Flush(t)
		p.Decide(nil)
		m := newSlotModel(t, server, p)
		defer m.stop(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"push": m.push, "take": m.take, "finish": m.finish, "move what is due": m.moveDue, "": m.check,
		})
	})
}

type slotModel struct {
	t        *testing.T
	server   *redistest.Server
	proxy    *redistest.Proxy
	keys     store.Keys
	client   *store.Client
	watch    *store.Watch // nil after a loss
	fetcher  *fetcher
	finisher *finisher
	slots    []*slot
	cancel   context.CancelFunc
	actors   *errgroup.Group

	// what must be in Redis
	pushed, takes int
	runs          uint64
	queue         []string
	failed        []string
	held          map[*slot]string
	putOff        int
	due           []modelLater // in the order in which they move
	notDue        []string
}

// modelLater is an entry that is due since a moment long ago.
type modelLater struct {
	at    int64 // Unix ms
	entry string
}

func newSlotModel(t *testing.T, server *redistest.Server, p *redistest.Proxy) *slotModel {
	client := store.NewClient(store.Options{Network: "unix", Address: p.Socket, Instance: "model", CommandTimeout: 2 * time.Second})
	h := loop.NewHealth(slog.New(slog.DiscardHandler), p.Socket)
	m := &slotModel{
		t: t, server: server, proxy: p, keys: store.Keys{Prefix: "q"}, client: client,
		fetcher: newFetcher(store.Keys{Prefix: "q"}, client.Link(), h.Source(), discard(), store.DefaultTimes()), finisher: newFinisher(store.Keys{Prefix: "q"}, client.Link(), h, discard(), store.DefaultTimes()),
		slots: []*slot{{index: 0}, {index: 1}}, held: make(map[*slot]string),
	}
	ctx, cancel := context.WithCancel(t.Context())
	m.cancel = cancel
	m.actors, ctx = errgroup.WithContext(ctx)
	m.actors.Go(func() error { return m.fetcher.Run(ctx) })
	m.actors.Go(func() error { return m.finisher.Run(ctx) })
	return m
}

func (m *slotModel) stop(rt *rapid.T) {
	m.cancel()
	if err := m.actors.Wait(); err != nil {
		rt.Errorf("actors: %v", err)
	}
	if m.watch != nil {
		_ = m.watch.Close() // what it has to say is of no use any more
	}
}

func (m *slotModel) run(list int) string { return m.keys.Run("T", "I", list) }

// other is the run list for the next entry of a slot, for a run of its own.
func (m *slotModel) other(s *slot) store.RunList {
	if s.next.Number == 0 {
		m.runs++
		s.next.Number = m.runs
	}
	return store.RunList{Type: "T", Instance: "I", List: s.other(), Note: s.next}
}

// fault has the next command of a kind meet a fault, or not. Entries are told
// apart by number, but every third is the same: equal entries must not confuse.
func (m *slotModel) fault(rt *rapid.T, word string) {
	f := rapid.SampledFrom([]redistest.Fault{
		redistest.None, redistest.None, redistest.BeforeRequest, redistest.BeforeAnswer, redistest.LateRequest,
	}).Draw(rt, "fault")
	if f == redistest.None {
		m.proxy.Decide(nil)
		return
	}
	if rapid.Bool().Draw(rt, "also on the way to certainty") {
		word = rapid.SampledFrom([]string{word, "LINDEX", "CLIENT", "EXISTS"}).Draw(rt, "command")
	}
	m.proxy.Decide(redistest.FailOnce(word, 1, f))
}

func (m *slotModel) push(*rapid.T) {
	entry := "same"
	if m.pushed%3 != 0 {
		entry = strconv.Itoa(m.pushed)
	}
	m.pushed++
	m.server.Push(m.t, "q:T", entry)
	m.queue = append(m.queue, entry)
}

func (m *slotModel) slotIn(rt *rapid.T, s state) *slot {
	var fit []*slot
	for _, slot := range m.slots {
		if slot.state == s {
			fit = append(fit, slot)
		}
	}
	if len(fit) == 0 {
		rt.Skip("no slot is", s)
	}
	return rapid.SampledFrom(fit).Draw(rt, "slot")
}

func (m *slotModel) take(rt *rapid.T) {
	s := m.slotIn(rt, free)
	now, command := rapid.Bool().Draw(rt, "do not wait"), "BLMOVE"
	if now {
		command = "LMOVE"
	}
	m.fault(rt, command)
	s.take()
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	wanted := len(m.queue) > 0
	if !wanted && !now {
		cancel() // nothing will come: the order is withdrawn
	}
	m.fetcher.orders <- order{ctx: ctx, run: m.other(s), now: now}
	m.settle(rt, s, <-m.fetcher.taken, s.taken)
	if wanted && s.state == free {
		rt.Fatal("the entry that waited was not taken")
	}
}

// settle checks which entry came into a slot.
func (m *slotModel) settle(rt *rapid.T, s *slot, t store.Taken, into func(store.Taken, uint64)) {
	m.takes++
	promised := s.next
	into(t, uint64(m.takes))
	m.proxy.DeliverLate()
	switch {
	case t.Entry == nil:
		return
	case t.Note != promised:
		rt.Fatalf("the entry has the note %v, not %v", t.Note, promised)
	case len(m.queue) == 0:
		rt.Fatalf("took %q from an empty queue", t.Entry)
	case string(t.Entry) != m.queue[0]:
		rt.Fatalf("took %q, the head is %q", t.Entry, m.queue[0])
	}
	m.held[s] = m.queue[0]
	m.queue = m.queue[1:]
}

func (m *slotModel) finish(rt *rapid.T) {
	s := m.slotIn(rt, running)
	how := rapid.SampledFrom([]store.How{store.Drop, store.Fail, store.Return, store.Delay}).Draw(rt, "how")
	next := rapid.Bool().Draw(rt, "take the next")
	m.fault(rt, "EVAL")
	record := "record of " + m.held[s]
	op := store.Finish{
		Run: store.RunList{Type: "T", Instance: "I", List: s.current(), Note: s.note}, How: how, Keep: store.Keep{TTL: time.Hour},
		Next: s.other(), NextNote: m.other(s).Note, TakeNext: next,
	}
	if how == store.Delay {
		record = m.later(rt, &op)
	}
	op.Record = []byte(record)
	s.finish()
	m.finisher.jobs <- []job{{slot: s.index, op: op}}
	done := <-m.finisher.done
	if len(done) != 1 || done[0].job.slot != s.index || done[0].gone && done[0].sure {
		rt.Fatalf("confirmed %+v", done)
	}
	switch how {
	case store.Fail:
		m.failed = append(m.failed, record)
	case store.Return:
		m.queue = append([]string{m.held[s]}, m.queue...)
	}
	delete(m.held, s)
	wanted := next && len(m.queue) > 0
	m.settle(rt, s, done[0].taken, s.finished)
	if wanted && s.state == free {
		rt.Fatal("the next entry was not taken")
	}
}

// later draws when an entry is due that is put off, and returns what it is then: no
// two are equal, as entry.Later has it.
func (m *slotModel) later(rt *rapid.T, op *store.Finish) string {
	m.putOff++
	record := "put off as number " + strconv.Itoa(m.putOff)
	at := rapid.Int64Range(0, 3).Draw(rt, "due since") // 0: not yet
	switch {
	case at > 0:
		op.Due = time.UnixMilli(at)
		m.due = append(m.due, modelLater{at, record})
		return record
	case rapid.Bool().Draw(rt, "due after a time"):
		op.After = time.Hour
	default:
		op.Due = time.Now().Add(time.Hour)
	}
	m.notDue = append(m.notDue, record)
	return record
}

// moveDue tries until it is known to have worked, over new connections after a loss.
func (m *slotModel) moveDue(rt *rapid.T) {
	m.fault(rt, "EVAL")
	deadline := time.Now().Add(60 * time.Second)
	for err := m.tryMoveDue(); err != nil; err = m.tryMoveDue() {
		if time.Now().After(deadline) {
			rt.Fatal(err)
		}
	}
	m.proxy.DeliverLate()
	slices.SortFunc(m.due, func(a, b modelLater) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.entry, b.entry))
	})
	for _, l := range m.due {
		m.queue = append(m.queue, l.entry)
	}
	m.due = nil
}

func (m *slotModel) tryMoveDue() (err error) {
	if m.watch == nil {
		if m.watch, err = m.client.Watch(m.t.Context(), m.keys, nil); err != nil {
			m.watch = nil
			return err
		}
	}
	due, err := m.watch.MoveDue([]string{"T"})
	if err == nil {
		err = due[0].Refused
	}
	if err != nil {
		_ = m.watch.Close() // lost already
		m.watch = nil
	}
	return err
}

// check compares all of Redis with the model.
func (m *slotModel) check(rt *rapid.T) {
	want := make(map[string][]string)
	add := func(list string, entries []string) {
		if len(entries) > 0 {
			want[list] = entries
		}
	}
	add("q:T", m.queue)
	add("q:T:failed", m.failed)
	for s, entry := range m.held {
		add(m.run(s.current()), []string{entry})
	}
	later := slices.Clone(m.notDue)
	for _, l := range m.due {
		later = append(later, l.entry)
	}
	add(m.keys.Delayed("T"), slices.Sorted(slices.Values(later)))
	got := make(map[string][]string)
	for _, key := range m.server.Keys(m.t, "*") {
		if key == m.keys.Notes("I") {
			m.checkNotes(rt)
			continue
		}
		if key == m.keys.Delayed("T") {
			got[key] = m.laterInRedis(rt)
			continue
		}
		got[key] = m.server.List(m.t, key)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		rt.Fatalf("redis differs from the model (-want +got):\n%s", diff)
	}
}

// checkNotes compares the notes of the run lists that are filled.
func (m *slotModel) checkNotes(rt *rapid.T) {
	notes, err := redis.StringMap(m.server.Do(m.t, "HGETALL", m.keys.Notes("I")), nil)
	if err != nil {
		rt.Fatal(err)
	}
	for s := range m.held {
		if got, want := notes["T:"+strconv.Itoa(s.current())], strconv.FormatUint(s.note.Number, 10); got != want {
			rt.Fatalf("list %d has the note %q, want %q", s.current(), got, want)
		}
	}
}

func (m *slotModel) laterInRedis(rt *rapid.T) []string {
	entries, err := redis.Strings(m.server.Do(m.t, "ZRANGE", m.keys.Delayed("T"), 0, -1), nil)
	if err != nil {
		rt.Fatal(err)
	}
	return slices.Sorted(slices.Values(entries))
}
