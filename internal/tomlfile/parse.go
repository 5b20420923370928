package tomlfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// Error is the reason why a file cannot be used at all.
type Error struct {
	Line    int // from 1; 0 = unknown
	Message string
}

func (e *Error) Error() string { return e.Message }

// Parse parses the text of a file and returns its outermost table.
func Parse(text string) (Value, *Error) {
	text = strings.TrimPrefix(text, "\ufeff") // some editors write a byte order mark
	root, line, err := locate(text)
	if errors.Is(err, errTooDeep) {
		return Value{}, &Error{Line: line, Message: fmt.Sprintf("%v: the limit is %d levels", err, maxDepth)}
	}
	tree, err := decode(text)
	if err == nil {
		return Value{Raw: tree, Line: 1, node: root}, nil
	}
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return Value{}, &Error{Message: "syntax: " + err.Error()}
	}
	line = syntaxLine(text, pe.Position)
	return Value{}, &Error{Line: line, Message: "syntax: " + syntaxMessage(text, line, pe)}
}

// syntaxLine returns the line of a syntax error. If a line ends too early, the
// library sometimes reports the next one.
func syntaxLine(text string, p toml.Position) int {
	if p.Len == 1 && p.Start >= 0 && p.Start < len(text) && text[p.Start] == '\n' {
		return 1 + strings.Count(text[:p.Start], "\n")
	}
	return min(max(p.Line, 1), 1+strings.Count(text, "\n"))
}

// syntaxMessage returns the library's message about a line that is not TOML. The
// library quotes the word at which it fails, which may be a password without
// quotes.
func syntaxMessage(text string, line int, pe toml.ParseError) string {
	if strings.HasPrefix(pe.Message, "Key '") {
		return visible(pe.Message) // quotes only the key
	}
	lines := strings.Split(text, "\n")
	wrong := lines[min(line, len(lines))-1]
	suspect := strings.ToLower(pe.LastKey + "\n" + wrong)
	for _, part := range []string{"pass", "auth", "@"} {
		if strings.Contains(suspect, part) {
			return `this line is not valid TOML; a string needs quotes, as in "text" (the text is not shown because it may contain a password)`
		}
	}
	return visible(pe.Message) + hint(wrong)
}

// decode calls the library, which panics if it finds a bug of its own: a strange
// file must not terminate a running daemon that reloads it.
func decode(text string) (tree map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file is not valid TOML (%v)", r)
		}
	}()
	if _, err := toml.Decode(text, &tree); err != nil {
		return nil, err
	}
	return tree, nil
}
