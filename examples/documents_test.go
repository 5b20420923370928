package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// block is the text between two ``` lines of a document.
type block struct {
	heading, language, text string
}

// blocks reads a document of the folder above.
func blocks(t *testing.T, document string) []block {
	t.Helper()
	var all []block
	heading, open := "", false
	for line := range strings.Lines(read(t, filepath.Join("..", document))) {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !open:
			all = append(all, block{heading: heading, language: strings.TrimSpace(language)})
			open = true
		case fence:
			open = false
		case open:
			all[len(all)-1].text += line
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	return all
}

// section returns the texts of one language below a heading.
func section(t *testing.T, heading, language string) []string {
	t.Helper()
	var texts []string
	for _, b := range blocks(t, "README.md") {
		if b.heading == heading && b.language == language {
			texts = append(texts, b.text)
		}
	}
	if len(texts) == 0 {
		t.Fatalf("the README has no block in %q below %q", language, heading)
	}
	return texts
}

func TestDocumentsHaveValidConfigurations(t *testing.T) {
	count := 0
	for _, document := range []string{"README.md", "CONTRIBUTING.md"} {
		for _, b := range blocks(t, document) {
			if b.language != "toml" {
				continue
			}
			count++
			if err := valid(t, b.text); err != nil {
				t.Errorf("%s, %q: %v\n%s", document, b.heading, err, b.text)
			}
		}
	}
	if count == 0 {
		t.Error("no configuration was found")
	}
}

// valid loads a configuration. A text without a script is loaded as a drop-in. A notice
// counts as an error, because documents show no keys without effect.
func valid(t *testing.T, text string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gordon.toml")
	write(t, path, text, 0o644)
	if !strings.Contains(text, "script") {
		write(t, path, "[tasks.mail]\nscript = \"/bin/true\"\n", 0o644)
		write(t, filepath.Join(filepath.Dir(path), "gordon.d", "1.toml"), text, 0o644)
	}
	c, err := config.Load(path, "/")
	if err == nil && len(c.Notices) > 0 {
		err = fmt.Errorf("notices: %q", c.Notices)
	}
	return err
}

// The manual begins with an example, and all its configurations are valid.
func TestManualHasValidConfigurations(t *testing.T) {
	page := read(t, "../man/gordon.toml.5")
	count := 0
	for _, text := range regexp.MustCompile(`(?s)\n\.Bd -literal -offset indent\n(.*?)\.Ed\n`).FindAllStringSubmatch(page, -1) {
		if strings.HasPrefix(text[1], "# ") || strings.HasPrefix(text[1], "$ ") || strings.HasPrefix(text[1], "[Service]") {
			continue
		}
		count++
		if err := valid(t, text[1]); err != nil {
			t.Errorf("%v\n%s", err, text[1])
		}
	}
	if count < 8 {
		t.Errorf("only %d configurations were found", count)
	}
	if strings.Index(page, ".Bd -literal") > strings.Index(page, ".Sh DESCRIPTION") {
		t.Error("the page does not begin with an example")
	}
}

// A Node.js program does not exit while its client is open.
func TestDocumentsCloseNodeClients(t *testing.T) {
	texts := section(t, "Push from your program", "js")
	for _, text := range append(texts, read(t, "push.mjs")) {
		if strings.Contains(text, "createClient(") && !strings.Contains(text, "client.close()") && !strings.Contains(text, "client.destroy()") {
			t.Errorf("this program does not exit:\n%s", text)
		}
	}
}

// journalctl shows nothing, and no reason, to users without permission to read the journal.
func TestDocumentsReadTheJournalAsRoot(t *testing.T) {
	for _, b := range blocks(t, "README.md") {
		for line := range strings.Lines(b.text) {
			if b.language == "sh" && strings.HasPrefix(line, "journalctl") {
				t.Errorf("%q: without sudo: %s", b.heading, line)
			}
		}
	}
	if !strings.Contains(read(t, "../README.md"), "-- No entries --") {
		t.Error("the README does not show the output of journalctl without permission")
	}
}

func TestDocumentsHaveValidShell(t *testing.T) {
	count := 0
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "examples/README.md"} {
		for _, b := range blocks(t, document) {
			if b.language == "sh" {
				count++
				mustRun(t, ".", nil, "sh", "-n", "-c", b.text)
			}
		}
	}
	if count == 0 {
		t.Error("no commands were found")
	}
}

func TestDocumentsPointToFilesThatExist(t *testing.T) {
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "examples/README.md"} {
		dir := filepath.Join("..", filepath.Dir(document))
		for _, part := range strings.Split(read(t, filepath.Join("..", document)), "](")[1:] {
			target, _, _ := strings.Cut(part, ")")
			if strings.Contains(target, "://") {
				continue
			}
			target, anchor, _ := strings.Cut(target, "#")
			path := filepath.Join(dir, target)
			if target == "" {
				path = filepath.Join("..", document)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", document, err)
			} else if anchor != "" && !hasHeading(read(t, path), anchor) {
				t.Errorf("%s: %s has no heading #%s", document, path, anchor)
			}
		}
	}
}

// hasHeading reports whether a document has a heading that GitHub gives this anchor.
func hasHeading(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		heading = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(heading, "")
		if strings.ReplaceAll(heading, " ", "-") == anchor {
			return true
		}
	}
	return false
}
