package runner

// TailSize is the number of bytes that are kept of each stream: the last 64 KiB.
const TailSize = 64 << 10

// tail keeps the last TailSize bytes written to it and counts all bytes. It
// grows with its content up to TailSize and never beyond, so that a thousand
// silent tasks cost nothing and a task that prints 1 GB costs 64 KiB.
type tail struct {
	buf   []byte // a ring once it holds TailSize bytes
	start int    // index of the oldest byte; 0 until the ring is full
	total int64
}

// write appends p.
func (t *tail) write(p []byte) {
	t.total += int64(len(p))
	if len(p) >= TailSize {
		t.buf = append(t.buf[:0], p[len(p)-TailSize:]...)
		t.start = 0
		return
	}
	n := min(TailSize-len(t.buf), len(p))
	t.buf = append(t.buf, p[:n]...)
	for p = p[n:]; len(p) > 0; p = p[n:] {
		n = copy(t.buf[t.start:], p)
		t.start = (t.start + n) % TailSize
	}
}

// output returns the content; the tail must not be written to afterwards.
func (t *tail) output() Output {
	if t.start == 0 {
		return Output{Tail: t.buf, Total: t.total}
	}
	out := make([]byte, 0, len(t.buf))
	out = append(out, t.buf[t.start:]...)
	return Output{Tail: append(out, t.buf[:t.start]...), Total: t.total}
}

// clone returns a copy that further writes do not change.
func (t *tail) clone() tail {
	return tail{buf: append([]byte(nil), t.buf...), start: t.start, total: t.total}
}
