package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// document is one parsed file.
type document struct {
	file  string
	tree  map[string]any // as the TOML library builds it
	lines *node          // where the keys of tree stand
}

// parse reads the text of a file. The fault it returns is about the file as a
// whole: nothing of it can be used.
func parse(file, text string) (document, *Fault) {
	text = strings.TrimPrefix(text, "\ufeff") // some editors put a mark at the start
	lines, line, err := locate(text)
	if errors.Is(err, errTooDeep) {
		return document{}, &Fault{File: file, Line: line, Message: fmt.Sprintf("%v: %d levels are allowed", err, maxDepth)}
	}
	tree, err := decodeTOML(text)
	if err == nil {
		return document{file: file, tree: tree, lines: lines}, nil
	}
	fault := &Fault{File: file, Message: "syntax: " + err.Error()}
	var pe toml.ParseError
	if errors.As(err, &pe) {
		fault.Line = syntaxLine(text, pe.Position)
		fault.Message = "syntax: " + syntaxMessage(text, fault.Line, pe)
	}
	return document{}, fault
}

// syntaxLine returns the line of a syntax error. Where a line ends too early, the
// library blames the next one at times.
func syntaxLine(text string, p toml.Position) int {
	if p.Len == 1 && p.Start >= 0 && p.Start < len(text) && text[p.Start] == '\n' {
		return 1 + strings.Count(text[:p.Start], "\n")
	}
	return min(max(p.Line, 1), 1+strings.Count(text, "\n"))
}

// decodeTOML calls the library, which panics where it finds a bug of its own: a
// strange file must not take a running daemon down when it reloads.
func decodeTOML(text string) (tree map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file can't be read as TOML (%v)", r)
		}
	}()
	if _, err := toml.Decode(text, &tree); err != nil {
		return nil, err
	}
	return tree, nil
}
