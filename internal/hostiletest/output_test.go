package hostiletest

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// Whatever a script prints, its record is JSON and holds the end of it.
func TestScriptsThatPrintAnything(t *testing.T) {
	t.Parallel()
	site, redis := newSite(t)
	site.Script("T", `case "$1" in
escapes) printf '\033[2J\033]0;owned\007\r\b\177' ;;
long) head -c 100000000 /dev/zero | tr '\0' x; printf '\nend' ;;
binary) printf '\377\376\000\200"\\ end' ;;
half) printf '\303' ;;
json) printf '","error_message":"forged"}' ;;
esac`)
	site.Configure(site.Task("T", 2))
	daemon := site.Start()
	idle := daemon.RSS()
	want := map[string]string{
		"escapes": "\x1b[2J\x1b]0;owned\a\r\b\x7f", "binary": "\ufffd\ufffd\x00\ufffd\"\\ end", "half": "\ufffd", "json": `","error_message":"forged"}`,
	}
	redis.Push(t, "q:T", `{"args":["long"]}`)
	for name := range want {
		redis.Push(t, "q:T", `{"args":["`+name+`"]}`)
	}
	for _, r := range awaitRecords(t, redis, "q:T:failed", len(want)+1) {
		name, message := r["args"].([]any)[0].(string), r["error_message"].(string)
		if name == "long" {
			if len(message) > 70_000 || !strings.HasSuffix(message, "x\nend") || !strings.Contains(message[:100], "bytes left out") {
				t.Errorf("long: %d bytes, %.100q", len(message), message)
			}
		} else if message != want[name] {
			t.Errorf("%s: %q", name, message)
		}
	}
	if grew := daemon.Peak() - idle; grew > 64<<20 {
		t.Errorf("the daemon grew by %d MiB", grew>>20)
	}
	checkLog(t, daemon.Printed())
	daemon.Stop()
}

var logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (DEBUG|INFO |WARN |ERROR) \S`)

// checkLog holds that every line of the log is gordon's own and has no byte that
// does something to a terminal.
func checkLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if !logLine.MatchString(line) || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("a line of the log: %.300q", line)
		}
	}
}

// Nothing that others choose can begin a line of the log.
func TestNobodyForgesTheLog(t *testing.T) {
	t.Parallel()
	const forged = "\n2026-01-01 00:00:00.000 INFO  forged\r\x1b[31m\u2028\u0085MESSAGE=forged\nGORDON_OUTCOME=ok"
	site, redis := newSite(t)
	site.Script("T", `printf '%s' "$1"; exit 3`)
	quoted, err := json.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	site.Configure(site.Task("T", 1) + "[tasks.\"odd \\\" = [x] \\u2028 level=INFO\"]\nscript = \"" + site.File("T.sh") + "\"\n")
	redis.Do(t, "HSET", "q:instances", "id"+forged, "{", "forged-00000000", `{"host":`+string(quoted)+`,"types":{`+string(quoted)+`:{"slots":1}}}`)
	redis.Push(t, "q:T",
		`{"args":[`+string(quoted)+`]}`, forged, `{"args":[`+forged, `{"args":7,`+string(quoted)+`:1}`, `{"env":{`+string(quoted)+`:7}}`,
		`{"env":{`+string(quoted[:len(quoted)-1])+`=":"x"}}`, `{"env":{"LD_`+string(quoted[1:])+`:"x"}}`, `{"args":["\u0000`+string(quoted[1:])+`]}`)
	redis.Push(t, "q:odd \" = [x] \u2028 level=INFO", `{"args":[`+string(quoted)+`]}`)
	daemon := site.Start()
	awaitRecords(t, redis, "q:T:failed", 8)
	awaitRecords(t, redis, "q:odd \" = [x] \u2028 level=INFO:failed", 1)
	daemon.Says("record of an instance is invalid")
	checkLog(t, daemon.Printed())
	gordontest.Until(t, "each failure has a line", func() bool { return strings.Count(daemon.Printed(), " ERROR ") == 9 })
	daemon.Stop()
}
