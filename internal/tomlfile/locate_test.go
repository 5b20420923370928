package tomlfile

import (
	_ "embed"
	"errors"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// hard has a key in every notation of TOML.
//
//go:embed testdata/keys.toml
var hard string

func TestLocate_EveryWayToWriteAKey(t *testing.T) {
	root, _, err := locate(hard)
	if err != nil {
		t.Fatal(err)
	}
	list := root.child("list")
	for _, tc := range []struct {
		name string
		got  *node
		want int
	}{
		{"plain", root.child("plain"), 2},
		{"quoted", root.child("quoted key"), 3},
		{"literal", root.child(`literal \key`), 4},
		{"escaped", root.child(`escA"ped`), 5},
		{"dotted", root.child("dotted").child("key").child("with.dot"), 6},
		{"spaced", root.child("spaced").child("key"), 7},
		{"multi", root.child("multi"), 8},
		{"after_multi", root.child("after_multi"), 13},
		{"after_literal", root.child("after_literal"), 15},
		{"array", root.child("array"), 16},
		{"element", root.child("array").item(1), 17},
		{"table in an array", root.child("array").item(3).child("inline"), 18},
		{"after_array", root.child("after_array"), 20},
		{"inline", root.child("inline").child("b").child("c").child("d"), 21},
		{"inline on the next line", root.child("inline").child("e").item(0).child("f"), 22},
		{"sub table", root.child("table").child("sub table"), 24},
		{"key of it", root.child("table").child("sub table").child("key"), 25},
		{"table that comes late", root.child("table"), 26},
		{"late", root.child("table").child("late"), 27},
		{"first of a list", list.item(0).child("one"), 29},
		{"below the first", list.item(0).child("below").child("two"), 31},
		{"second of a list", list.item(1).child("one"), 33},
		{"below the second", list.item(1).child("below").child("two"), 35},
		{"nested list", list.item(1).child("nested").item(1).child("three"), 40},
		{"missing key: the table's line", root.child("table").child("none"), 26},
		{"missing element: the list's line", root.child("array").item(9), 16},
	} {
		if tc.got.line != tc.want {
			t.Errorf("%s: line %d, want %d", tc.name, tc.got.line, tc.want)
		}
	}
}

// errProbe makes the library report the position of a value.
var errProbe = errors.New("probe")

type probe struct{}

func (*probe) UnmarshalTOML(any) error { return errProbe }

// libraryLines returns the lines of the TOML library for each value that is neither a
// table nor in an array.
func libraryLines(t testing.TB, text string) map[string]int {
	t.Helper()
	lines := make(map[string]int)
	var walk func(md *toml.MetaData, table map[string]toml.Primitive, path toml.Key)
	walk = func(md *toml.MetaData, table map[string]toml.Primitive, path toml.Key) {
		for k, prim := range table {
			at := append(append(toml.Key(nil), path...), k)
			switch md.Type(at...) {
			case "Hash", "":
				var sub map[string]toml.Primitive
				if err := md.PrimitiveDecode(prim, &sub); err == nil {
					walk(md, sub, at)
				}
			case "Array", "ArrayHash":
			default:
				var pe toml.ParseError
				if err := md.PrimitiveDecode(prim, &probe{}); errors.As(err, &pe) {
					lines[at.String()] = 1 + strings.Count(text[:pe.Position.Start], "\n")
				}
			}
		}
	}
	var table map[string]toml.Primitive
	md, err := toml.Decode(text, &table)
	if err != nil {
		t.Fatal(err)
	}
	walk(&md, table, nil)
	return lines
}

// ownLines collects the lines of locate.
func ownLines(n *node, path toml.Key, lines map[string]int) {
	for k, c := range n.keys {
		at := append(append(toml.Key(nil), path...), k)
		lines[at.String()] = c.line
		ownLines(c, at, lines)
	}
}

func TestLocate_AgreesWithTheLibrary(t *testing.T) {
	// In the form that the library remembers: the value on the line of its key,
	// long strings with their text right behind the quotes.
	text := strings.ReplaceAll(strings.ReplaceAll(hard, "\"\"\"\nfake", `"""fake`), "'''\nit", `'''it`)
	root, _, err := locate(text)
	if err != nil {
		t.Fatal(err)
	}
	own := make(map[string]int)
	ownLines(root, nil, own)
	library := libraryLines(t, text)
	if len(library) < 12 {
		t.Fatalf("the library tells only %d lines", len(library))
	}
	for k, want := range library {
		if own[k] != want {
			t.Errorf("%s: line %d, the library says %d", k, own[k], want)
		}
	}
}

func TestLocate_LineEndsOfWindows(t *testing.T) {
	root, _, err := locate("a = 1\r\n\r\n[b]\r\nc = \"x\"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := root.child("b").child("c").line; got != 4 {
		t.Errorf("line %d, want 4", got)
	}
}

func TestLocate_StopsOnWhatIsNotTOML(t *testing.T) {
	for _, text := range []string{
		"=", "a", "a =", "a = [", "a = [1", "a = [}", "a = {", "a = {]", "a = { b = 1", "[", "[[", "[a", "[[a]", "[a]]",
		`"`, `"a`, `'a`, "a = \"\"\"", "a = '''", "a = \"x\\", "a = \"x\ny\"", "a..b = 1", ".a = 1", "a = }", "\"\\q\" = 1",
	} {
		if _, _, err := locate(text); errors.Is(err, errTooDeep) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParse_DepthIsBounded(t *testing.T) {
	const n = 1 << 18
	want := &Error{Line: 2, Message: "tables or arrays are nested too deep: the limit is 32 levels"}
	for name, text := range map[string]string{
		"arrays":      "\na = " + strings.Repeat("[", n),
		"tables":      "\na = " + strings.Repeat("{a=", n),
		"dotted key":  "\n" + strings.Repeat("a.", n) + "a = 1",
		"table's key": "\n[" + strings.Repeat("a.", n) + "a]",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(text)
			if diff := cmp.Diff(want, err); diff != "" {
				t.Error(diff)
			}
		})
	}
}
