package tomlfile

import (
	"cmp"
	"slices"
	"time"

	"github.com/BurntSushi/toml"
)

// Value is one value of a file. Raw is a string, int64, float64, bool,
// [time.Time], map[string]any (a table), []any or []map[string]any (an array of
// tables).
type Value struct {
	Raw  any
	Key  Key
	Line int // from 1
	node *node
}

// Key is the full name of a value: the names of its tables and its own.
type Key []string

// String returns the key in TOML's notation, on one line.
func (k Key) String() string { return visible(toml.Key(k).String()) }

// Name returns the last part of the key.
func (k Key) Name() string { return k[len(k)-1] }

// Named returns the value with a name appended to its key.
func (v Value) Named(name string) Value {
	v.Key = append(slices.Clone(v.Key), name)
	return v
}

// Table returns the values of a table in the order of the file. It reports false
// if the value is not a table.
func (v Value) Table() ([]Value, bool) {
	table, ok := v.Raw.(map[string]any)
	if !ok {
		return nil, false
	}
	list := make([]Value, 0, len(table))
	for name, raw := range table {
		n := v.node.child(name)
		list = append(list, Value{Raw: raw, Key: v.Key, Line: n.line, node: n}.Named(name))
	}
	slices.SortFunc(list, func(a, b Value) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key.Name(), b.Key.Name()))
	})
	return list, true
}

// Array returns the elements of an array, which have its key. It reports false if
// the value is not an array.
func (v Value) Array() ([]Value, bool) {
	var raws []any
	switch array := v.Raw.(type) {
	case []any:
		raws = array
	case []map[string]any:
		for _, table := range array {
			raws = append(raws, table)
		}
	default:
		return nil, false
	}
	list := make([]Value, len(raws))
	for i, raw := range raws {
		n := v.node.item(i)
		list[i] = Value{Raw: raw, Key: v.Key, Line: n.line, node: n}
	}
	return list, true
}

// Describe names the type of a raw value in words of TOML.
func Describe(raw any) string {
	switch raw.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a fraction"
	case bool:
		return "true or false"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	default:
		return "an array"
	}
}
