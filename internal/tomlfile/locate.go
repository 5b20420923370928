package tomlfile

import (
	"errors"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxDepth limits the nesting of tables and arrays. The TOML library recurses once
// per level and has no limit.
const maxDepth = 32

var (
	errTooDeep = errors.New("tables or arrays are nested too deep")
	errSyntax  = errors.New("not TOML") // the library's message is better
)

// node holds the line of a key, and the nodes below it.
//
// The library reports a position only for the first syntax error, and keeps those
// of only the last table of an array. A report of every error of a file needs the
// line of each key.
type node struct {
	line  int
	keys  map[string]*node
	items []*node // elements of an array
}

// child returns the node of a key of a table. If there is none, it returns a node
// with the line of n, so that a position is never missing.
func (n *node) child(key string) *node {
	if c := n.keys[key]; c != nil {
		return c
	}
	return &node{line: n.line}
}

// item returns the node of element i of an array, as child does.
func (n *node) item(i int) *node {
	if i < len(n.items) {
		return n.items[i]
	}
	return &node{line: n.line}
}

// descend returns the node of a dotted key below n, and creates it if it is new.
// An array of tables on the way means its last element, as in TOML.
func (n *node) descend(keys []string, line int) *node {
	for _, k := range keys {
		if len(n.items) > 0 {
			n = n.items[len(n.items)-1]
		}
		c := n.keys[k]
		if c == nil {
			if n.keys == nil {
				n.keys = make(map[string]*node)
			}
			c = &node{line: line}
			n.keys[k] = c
		}
		n = c
	}
	return n
}

// locate maps the keys of a TOML document to their lines. It returns errTooDeep
// if the document is nested deeper than maxDepth. If the document is not TOML, it
// returns errSyntax or nil. The line is the one at which it stopped.
func locate(src string) (root *node, line int, err error) {
	s := &scanner{src: src, line: 1}
	root = &node{line: 1}
	table := root
	for s.skipBlank(); err == nil && !s.eof(); s.skipBlank() {
		line = s.line
		if strings.HasPrefix(s.src[s.pos:], "[") {
			table, err = s.header(root)
		} else {
			err = s.pair(table, 1)
		}
	}
	return root, line, err
}

// header reads [key] or [[key]] and returns the table that it opens.
func (s *scanner) header(root *node) (*node, error) {
	line := s.line
	s.accept("[")
	array := s.accept("[")
	keys, err := s.key()
	if err != nil {
		return nil, err
	}
	if !s.accept("]") || array && !s.accept("]") {
		return nil, errSyntax
	}
	return openTable(root, keys, line, array), nil
}

// openTable returns the node that the keys after a table's header belong to.
func openTable(root *node, keys []string, line int, array bool) *node {
	n := root.descend(keys, line)
	if array {
		n.items = append(n.items, &node{line: line})
		return n.items[len(n.items)-1]
	}
	// [a.b] may come before [a]: the table's own header has the better line.
	n.line = line
	return n
}

// unquote returns the text of a quoted key. The library decodes it, because TOML
// has many escapes, and they must have the same meaning here.
func unquote(quoted string) (string, error) {
	var doc struct{ K string }
	if _, err := toml.Decode("K = "+quoted, &doc); err != nil {
		return "", errSyntax
	}
	return doc.K, nil
}

// isBare reports whether a key without quotes may contain the byte.
func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-", c) >= 0
}
