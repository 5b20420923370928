package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/files"
)

func TestDropIns_FolderIsNamedAfterTheFile(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/gordon.toml":          "/etc/gordon.d",
		"/etc/gordon/a.toml":        "/etc/gordon/a.d",
		"/opt/g/gordon.config.toml": "/opt/g/gordon.config.d",
		"/etc/gordon.conf":          "/etc/gordon.conf.d",
	} {
		if got := dropInDir(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestDropIns_LaterFilesReplaceSingleKeys(t *testing.T) {
	c := load(t, "queue_key = \"main\"\nlogfile = \"/main.log\"\nfailed_tasks_ttl = 1\n"+
		"[tasks.mail]\nscript = \"/mail\"\nworkers = 1\nfail_on_output = \"none\"\n[stats]\ninterface = \":1\"\n",
		"gordon.d/20.toml", "queue_key = \"twenty\"\n[stats]\npattern = \"/s\"\n",
		"gordon.d/10.toml", "queue_key = \"ten\"\nlogfile = \"\"\n[tasks.mail]\nworkers = 10\n",
		"gordon.d/30.toml", "[tasks.log]\nscript = \"/log\"\n[tasks.mail]\nscript = \"/mail2\"\n")
	if c.QueueKey != "twenty" || c.Logfile != "" || c.Stats != (Stats{Interface: ":1", Pattern: "/s"}) {
		t.Errorf("got %+v", c)
	}
	mail := c.Tasks["mail"]
	if mail.Script != "/mail2" || mail.Workers != 10 || mail.FailOnOutput != FailOnNone || c.Tasks["log"].Script != "/log" {
		t.Errorf("got %+v", c.Tasks)
	}
	var names []string
	for _, f := range c.Files {
		names = append(names, filepath.Base(f))
	}
	if diff := cmp.Diff([]string{"gordon.toml", "10.toml", "20.toml", "30.toml"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestDropIns_ATaskMayBeSpreadOverFiles(t *testing.T) {
	c := load(t, "[tasks.mail]\nworkers = 2\n", "gordon.d/a.toml", "[[tasks]]\ntype = \"mail\"\nscript = \"/mail\"\n")
	if got := c.Tasks["mail"]; got.Workers != 2 || got.Script != "/mail" {
		t.Errorf("got %+v", got)
	}
}

func TestDropIns_HiddenAndOtherFilesAreIgnored(t *testing.T) {
	c := load(t, task(), "gordon.d/.a.toml", "=", "gordon.d/b.toml.dpkg-new", "=", "gordon.d/README", "=", "gordon.d/c.toml~", "=")
	if len(c.Files) != 1 {
		t.Errorf("read %v", c.Files)
	}
}

func TestDropIns_AMaskedFileIsEmpty(t *testing.T) {
	dir := folder(t, "gordon.toml", task(), "gordon.d/a.toml", "")
	link := filepath.Join(dir, "gordon.d", "b.toml")
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "gordon.toml"), binDir); err != nil {
		t.Error(err)
	}
}

func TestDropIns_UnreadableIsAFault(t *testing.T) {
	got := refuse(t, "queue_key = 1\n", "gordon.d/a.toml/x", "")
	want := []string{
		"gordon.toml:1: queue_key: must be a string in quotes, not a whole number",
		"gordon.d/a.toml: can't be read: is a directory",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDropIns_DanglingLinkIsAFault(t *testing.T) {
	dir := folder(t, "gordon.toml", task(), "gordon.d/a.toml", "")
	if err := os.Symlink("nowhere", filepath.Join(dir, "gordon.d", "b.toml")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "gordon.toml"), binDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestDropIns_FolderThatIsAFileIsAFault(t *testing.T) {
	dir := folder(t, "gordon.toml", task(), "gordon.d", "")
	_, err := Load(filepath.Join(dir, "gordon.toml"), binDir)
	if !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), "gordon.d: can't list the drop-ins: not a directory") {
		t.Errorf("got %v", err)
	}
}

func TestSize_OneMiBIsRead(t *testing.T) {
	text := task()
	load(t, text+strings.Repeat("#", maxFileSize-len(text)))
}

func TestSize_MoreIsRefused(t *testing.T) {
	got := refuse(t, task()+strings.Repeat("#", maxFileSize))
	if diff := cmp.Diff([]string{"gordon.toml: is too large: the limit for a configuration file is 1024 KiB"}, got); diff != "" {
		t.Error(diff)
	}
}

// A FIFO without a writer never ends, and some devices never end.
func TestNotARegularFileIsAFault(t *testing.T) {
	dir := folder(t, "gordon.toml", task(), "gordon.d/a.toml", "")
	fifo := filepath.Join(dir, "gordon.d", "b.toml")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "gordon.toml"), fifo, "/dev/zero"} {
		done := make(chan error, 1)
		go func() {
			_, err := Load(path, binDir)
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, files.ErrNotRegular) || !strings.Contains(err.Error(), "it is not a regular file") {
				t.Errorf("%s: got %v", path, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it waits", path)
		}
	}
}

func TestDropIns_FolderThatIsAFIFOIsAFault(t *testing.T) {
	dir := folder(t, "gordon.toml", task())
	if err := syscall.Mkfifo(filepath.Join(dir, "gordon.d"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "gordon.toml"), binDir); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("got %v", err)
	}
}
