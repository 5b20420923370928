package hostiletest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// entries are odd in all ways that keep them small; runs tells how the script is
// called, "" that it is not.
func entries() map[string]string {
	list := func(n int, unit string) string { return strings.TrimSuffix(strings.Repeat(unit+",", n), ",") }
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf(`"N%d":"v"`, i)
	}
	unsafe := make([]string, 100_000)
	for i := range unsafe {
		unsafe[i] = fmt.Sprintf(`"LD_%d":"v"`, i)
	}
	return map[string]string{
		"":                   "",
		" \t\r\n":            "",
		"\ufeff{}":           "",
		"\x00":               "",
		"\xff\xfe{\x00}\x00": "",
		`{"args":` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + `}`: "",
		strings.Repeat(`{"a":`, 1_000_000) + "1" + strings.Repeat("}", 1_000_000):          "",
		`{"x":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}`:            "0 [] env ",
		`{"args":[` + list(1_000_000, `""`) + `]}`:                                         "",
		`{"args":[` + list(100_000, `"a"`) + `]}`:                                          "100000 [a] env ",
		`{"args":["env"],"env":{` + strings.Join(names[:50_000], ",") + `,"V":"set"}}`:     "1 [env] env set",
		`{"args":["env"],"env":{` + strings.Join(names, ",") + `,"V":"set"}}`:              "1 [env] env set",
		`{"env":{` + strings.Join(unsafe, ",") + `}}`:                                      "",
		`{"args":["first"],"args":["last"],"env":{"V":"1"},"env":{"V":"2"}}`:               "1 [last] env 2",
		`{"args":["x"],"error_message":"of before"}`:                                       "1 [x] env ",
		`{"raw":"of a record"}`:                  "0 [] env ",
		`{"args":["\u0000"]}`:                    "",
		"{\"args\":[\"\xff\"]}":                  "1 [\xff] env ",
		`{"args":["\udcff"],"x":2}`:              "1 [\xff] env ",
		`{"args":["\ud800"]}`:                    "",
		`{"env":{"":"x"}}`:                       "",
		`{"env":{"A=B":"x"}}`:                    "",
		`{"env":{"A\u0000":"x"}}`:                "",
		`{"env":{"V":"a\u0000b"}}`:               "",
		`{"env":{"V":"a=b"}}`:                    "0 [] env a=b",
		`{"args":[1e99]}`:                        "",
		`{"args":{"__proto__":[]}}`:              "",
		`{}` + strings.Repeat("\x00", 1_000_000): "0 [] env ",
		`{"args":["-rf","--","*","$(reboot)"]}`:  "4 [-rf] env ",
	}
}

// Whatever is pushed runs or stands on the failed list with a reason, and the
// daemon does not mind.
func TestOddEntries(t *testing.T) {
	t.Parallel()
	site, redis := newSite(t)
	site.Script("T", `printf '%s [%s] env %s\n' $# "$1" "$V" >>"$D/ran"`)
	site.Configure(site.Task("T", 4))
	daemon := site.Start()
	idle := daemon.FDs()
	want := make(map[string]int)
	unreadable := 0
	all := entries()
	for entry, line := range all {
		redis.Push(t, "q:T", entry)
		if line == "" {
			unreadable++
		} else {
			want[line]++
		}
	}
	records := awaitRecords(t, redis, "q:T:failed", unreadable)
	ran := len(all) - unreadable
	gordontest.Until(t, "all others ran", func() bool { return strings.Count(site.Read("ran"), "\n") == ran })
	got := make(map[string]int)
	for line := range strings.Lines(site.Read("ran")) {
		got[strings.TrimSuffix(line, "\n")]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	for _, r := range records {
		message := r["error_message"].(string)
		if len(message) > 20_000 || strings.Contains(message, "panic") {
			t.Errorf("a message of %d bytes: %.500q", len(message), message)
		}
		if _, ok := r["raw"]; !ok && r["args"] == nil && r["env"] == nil {
			t.Errorf("a record without its entry: %v", slices.Collect(maps.Keys(r)))
		}
	}
	gordontest.Until(t, "no descriptor is left open", func() bool { return daemon.FDs() <= idle+4 }) // connections that were made since
	if peak := daemon.Peak(); peak > 400<<20 {
		t.Errorf("the daemon grew to %d MiB", peak>>20)
	}
	daemon.Stop()
	if left := redis.Keys(t, "*"); len(left) != 1 {
		t.Errorf("left in redis: %q", left)
	}
}

// unsafeVariables returns the names in the lists of pkg/taskenv, so that a new one is
// tested here, too.
func unsafeVariables(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, list := range []string{"unsafe.go", "unsafefamilies.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), "../../pkg/taskenv/"+list, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, namesIn(t, file)...)
	}
	if len(names) < 250 {
		t.Fatalf("only %d names were found: %q", len(names), names)
	}
	return names
}

// namesIn returns the names of variables in the lists of a file.
func namesIn(t *testing.T, file *ast.File) (names []string) {
	t.Helper()
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !slices.Contains([]string{"unsafeOfLanguages", "unsafeOfTools", "unsafePrefixes", "unsafeSuffixes"}, f.Name.Name) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				name, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				switch f.Name.Name {
				case "unsafePrefixes":
					name += "X"
				case "unsafeSuffixes":
					name = "X" + name
				}
				names = append(names, name)
			}
			return true
		})
	}
	return names
}

// No variable of the list gets through, and with the opt-out each does.
func TestEveryUnsafeVariable(t *testing.T) {
	t.Parallel()
	site, redis := newSite(t)
	site.Script("safe", `touch "$D/ran"`)
	site.Configure(site.Task("safe", 2) + "[tasks.open]\nscript = \"/usr/bin/printenv\"\nworkers = 2\nallow_unsafe_env = true\n")
	daemon := site.Start()
	names := unsafeVariables(t)
	for _, name := range names {
		entry := fmt.Sprintf(`{"args":[%q],"env":{%q:"hostile"}}`, name, name)
		redis.Push(t, "q:safe", entry)
		redis.Push(t, "q:open", entry) // its output is its error_message
	}
	redis.Push(t, "q:safe", `{"args":["function"],"env":{"harmless":"() { :; }; reboot"}}`)
	for _, r := range awaitRecords(t, redis, "q:safe:failed", len(names)+1) {
		name := r["args"].([]any)[0].(string)
		if name == "function" {
			name = "harmless"
		}
		if message := r["error_message"].(string); !strings.HasPrefix(message, "env: "+name+" can make") || !strings.Contains(message, "allow_unsafe_env") {
			t.Errorf("%s: %q", name, message)
		}
	}
	seen := make(map[string]bool)
	for _, r := range awaitRecords(t, redis, "q:open:failed", len(names)) {
		name := r["args"].([]any)[0].(string)
		seen[name] = true
		if message := r["error_message"].(string); !strings.Contains(message, "hostile\n") {
			t.Errorf("%s with the opt-out: %q", name, message)
		}
	}
	if len(seen) != len(names) {
		t.Errorf("%d of %d were seen", len(seen), len(names))
	}
	if site.Read("ran") != "" || strings.Contains(daemon.Printed(), "panic") {
		t.Error("a script ran")
	}
	daemon.Stop()
}
