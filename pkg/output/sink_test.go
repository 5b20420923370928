package output

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// openFile opens a sink that writes to path and is closed with the test.
func openFile(t *testing.T, path string) (s *Sink, stderr *bufio.Reader) {
	t.Helper()
	_, out := pipe(t)
	r, errs := pipe(t)
	s, err := Open(Options{Logfile: path, Stdout: out, Stderr: errs, Getenv: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, bufio.NewReader(r)
}

// Without a logfile everything goes to standard output, failures included, as the
// documentation of 1.6.5 has it.
func TestCompatStandardOutputTakesFailuresToo(t *testing.T) {
	r, out := pipe(t)
	errsR, errs := pipe(t)
	s, err := Open(Options{Stdout: out, Stderr: errs, Getenv: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	s.Logger().Info("one")
	s.Logger().Error("two")
	if err := errors.Join(s.Close(), out.Close(), errs.Close()); err != nil {
		t.Fatal(err)
	}
	var got, gotErrs bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if _, err := gotErrs.ReadFrom(errsR); err != nil {
		t.Fatal(err)
	}
	if text := got.String(); !strings.Contains(text, "INFO  one\n") || !strings.Contains(text, "ERROR two\n") {
		t.Errorf("standard output got %q", text)
	}
	if gotErrs.Len() > 0 {
		t.Errorf("standard error got %q", gotErrs.String())
	}
}

func TestLogfileIsAppendedAndPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "gordon.log")
	for _, message := range []string{"first", "second"} {
		s, _ := openFile(t, path)
		s.Logger().Info(message)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o640 {
		t.Errorf("mode %v, want 0640", info.Mode())
	}
	if got := readFile(t, path); !strings.Contains(got, "first\n") || !strings.HasSuffix(got, "second\n") {
		t.Errorf("the logfile holds %q", got)
	}
}

func TestOpenFailsWithoutLogfile(t *testing.T) {
	_, err := Open(Options{Logfile: t.TempDir() + "/missing/gordon.log", Getenv: noEnv})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "missing/gordon.log") {
		t.Errorf("got %v", err)
	}
}

// logrotate moves the file and sends SIGHUP; the daemon opens the path again.
func TestLogfileIsReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gordon.log")
	s, _ := openFile(t, path)
	log := s.Logger()
	log.Info("before")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log.Info("between")
	c, err := s.Prepare(path)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("prepared")
	c.Commit()
	c.Commit() // has no effect
	c.Discard()
	log.Info("after")
	if got := readFile(t, path+".1"); strings.Count(got, "\n") != 3 || !strings.Contains(got, "prepared") {
		t.Errorf("the rotated file holds %q", got)
	}
	if got := readFile(t, path); strings.Count(got, "\n") != 1 || !strings.Contains(got, "after") {
		t.Errorf("the new file holds %q", got)
	}
}

// A reload may move the log while it is being opened anew.
func TestReopeningDoesNotMoveTheLogBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gordon.log")
	s, _ := openFile(t, path)
	again, err := s.PrepareAgain()
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Prepare(path + "2")
	if err != nil {
		t.Fatal(err)
	}
	c.Commit()
	again.Commit()
	s.Logger().Info("here")
	if got := readFile(t, path+"2"); !strings.Contains(got, "here") {
		t.Errorf("the logfile holds %q", got)
	}
	if err := again.dest.close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the old file is still open (%v)", err)
	}
	if err := os.Rename(path+"2", path+"3"); err != nil {
		t.Fatal(err)
	}
	if again, err = s.PrepareAgain(); err != nil {
		t.Fatal(err)
	}
	again.Commit()
	s.Logger().Info("anew")
	if got := readFile(t, path+"2"); !strings.Contains(got, "anew") {
		t.Errorf("the logfile holds %q", got)
	}
}

func TestRefusedChangeLeavesTheLog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gordon.log")
	s, _ := openFile(t, path)
	if _, err := s.Prepare(dir); err == nil {
		t.Error("a directory was accepted as logfile")
	}
	c, err := s.Prepare(filepath.Join(dir, "other.log"))
	if err != nil {
		t.Fatal(err)
	}
	c.Discard()
	c.Commit() // has no effect
	s.Logger().Info("still here")
	if got := readFile(t, path); !strings.Contains(got, "still here") {
		t.Errorf("the logfile holds %q", got)
	}
}

func TestChangeToStandardOutputAndBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gordon.log")
	r, out := pipe(t)
	s, err := Open(Options{Stdout: out, Stderr: out, Getenv: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	for i, logfile := range []string{path, "", path, path, "", ""} {
		c, err := s.Prepare(logfile)
		if err != nil {
			t.Fatal(err)
		}
		c.Commit()
		s.Logger().Info(fmt.Sprint(i))
	}
	if err := errors.Join(s.Close(), s.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != 3 {
		t.Errorf("standard output got %d records, want 3: %q", n, b.String())
	}
	if n := strings.Count(readFile(t, path), "\n"); n != 3 {
		t.Errorf("the logfile got %d records, want 3", n)
	}
}

func TestCommitAfterCloseReleasesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gordon.log")
	s, _ := openFile(t, path)
	c, err := s.Prepare(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.Commit()
	s.Logger().Info("lost")
	if err := c.dest.close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the prepared file is still open (%v)", err)
	}
}

// A full disk is reported once on standard error. The number of lost records is logged
// when there is room again.
func TestFullDisk(t *testing.T) {
	s, stderr := openFile(t, "/dev/full")
	for range 3 {
		s.Logger().Info("lost")
	}
	note, err := stderr.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(note, "gordon: writing the log to /dev/full failed") || !strings.Contains(note, "no space left") {
		t.Errorf("standard error got %q", note)
	}
	path := filepath.Join(t.TempDir(), "gordon.log")
	c, err := s.Prepare(path)
	if err != nil {
		t.Fatal(err)
	}
	c.Commit()
	s.Logger().Info("one")
	s.Logger().Info("two")
	got := readFile(t, path)
	if strings.Count(got, "\n") != 3 || strings.Count(got, "WARN  the log could not be written for some time; records were lost lost_records=3\n") != 1 {
		t.Errorf("the new logfile holds %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if stderr.Buffered() > 0 {
		rest, _ := stderr.Peek(stderr.Buffered())
		t.Errorf("standard error got more than one note: %q", rest)
	}
}

// A reader that has stopped blocks nobody. When it reads again, it gets the number of
// lost records.
func TestReaderThatHasStopped(t *testing.T) {
	r, out := pipe(t)
	_, errs := pipe(t)
	s, err := Open(Options{Stdout: out, Stderr: errs, Getenv: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	s.base.(*bounded).destination.(*text).w.(*nonBlockingWriter).timeout = 10 * time.Millisecond
	const records = 100
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range records {
			s.Logger().Info(strings.Repeat("x", 5000)) // more than the pipe takes at once
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("it waits for the reader")
	}
	var b bytes.Buffer
	read := make(chan error)
	go func() {
		_, err := b.ReadFrom(r)
		read <- err
	}()
	<-done
	s.base.(*bounded).destination.(*text).w.(*nonBlockingWriter).timeout = time.Minute
	deadline := time.Now().Add(20 * time.Second)
	for s.lost > 0 && time.Now().Before(deadline) {
		s.Logger().Info("again")
	}
	if err := errors.Join(s.Close(), out.Close(), errs.Close(), <-read); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	whole, again := strings.Count(text, strings.Repeat("x", 5000)+"\n"), strings.Count(text, "INFO  again\n")
	_, after, _ := strings.Cut(text, "lost_records=")
	var lost int
	if _, err := fmt.Sscan(after, &lost); err != nil || lost == 0 || again == 0 || whole >= records {
		t.Errorf("%d records arrived, %d and %d are said to be lost (%v)", whole, again, lost, err)
	}
}

// Records of many workers do not mix, and none is lost while the log moves between
// files.
func TestConcurrentRecordsAndChanges(t *testing.T) {
	const workers, records = 8, 200
	path := filepath.Join(t.TempDir(), "gordon.log")
	s, _ := openFile(t, path)
	var group sync.WaitGroup
	for w := range workers {
		log := s.Logger().With("worker", w)
		group.Go(func() {
			for i := range records {
				log.Info("m", "record", i, "filler", strings.Repeat("x", i))
			}
		})
	}
	group.Go(func() {
		for range 50 {
			c, err := s.Prepare(path)
			if err != nil {
				t.Error(err)
				return
			}
			c.Commit()
		}
	})
	group.Wait()
	lines := strings.Split(strings.TrimSuffix(readFile(t, path), "\n"), "\n")
	if len(lines) != workers*records {
		t.Errorf("%d lines, want %d", len(lines), workers*records)
	}
	for _, line := range lines {
		if strings.Count(line, " INFO  m worker=") != 1 || strings.Count(line, "filler=") != 1 {
			t.Fatalf("mixed line %q", line)
		}
	}
}

// childLogsToBrokenPipe runs in a child whose standard output and error are
// broken pipes. Reaching its end is the success.
func childLogsToBrokenPipe() int {
	s, err := Open(Options{})
	if err != nil {
		return 10
	}
	for range 3 {
		s.Logger().Info("nobody reads this")
	}
	if s.lost != 3 {
		return 11
	}
	return 0
}

// "gordon | head" must not end the daemon when head exits: a Go program dies of SIGPIPE
// on descriptors 1 and 2 only.
func TestBrokenPipeDoesNotEndTheProcess(t *testing.T) {
	r, w := pipe(t)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.StartProcess(exe, []string{exe}, &os.ProcAttr{
		Env:   append(os.Environ(), childEnv+"=1"),
		Files: []*os.File{nil, w, w},
	})
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if !state.Success() {
		t.Errorf("the child ended with %v", state)
	}
}
