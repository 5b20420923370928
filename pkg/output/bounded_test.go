package output

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// A destination whose write(2) hangs (here a full pipe, in place of a file on a dead
// server) costs one time-out, not one per record. Records are written again when it has
// recovered. Close does not wait for it.
func TestDestinationThatHangs(t *testing.T) {
	r, w := pipe(t)
	dest := newBounded(&text{w: w})
	dest.timeout = 10 * time.Millisecond
	long := record{message: strings.Repeat("x", 200<<10)}
	for range 3 {
		if err := dest.write(long); !errors.Is(err, errHangs) {
			t.Fatalf("got %v, want %v", err, errHangs)
		}
	}
	var got bytes.Buffer
	read := make(chan error, 1)
	go func() {
		_, err := got.ReadFrom(r)
		read <- err
	}()
	<-dest.pending
	dest.timeout = time.Minute
	if err := errors.Join(dest.write(record{message: "again"}), dest.close(), <-read); err != nil {
		t.Fatal(err)
	}
	if text := got.String(); strings.Count(text, "\n") != 2 || !strings.HasSuffix(text, "again\n") {
		t.Errorf("%d lines arrived, and the end is %q", strings.Count(text, "\n"), text[max(0, len(text)-20):])
	}
}

func TestCloseOfADestinationThatHangs(t *testing.T) {
	r, w := pipe(t)
	dest := newBounded(&text{w: w})
	dest.timeout = 10 * time.Millisecond
	for _, err := range []error{dest.write(record{message: strings.Repeat("x", 200<<10)}), dest.close()} {
		if !errors.Is(err, errHangs) {
			t.Errorf("got %v", err)
		}
	}
	// It is closed when the write has returned: the reader sees the end.
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.Len() < 200<<10 {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}
