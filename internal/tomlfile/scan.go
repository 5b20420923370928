package tomlfile

import "strings"

// scanner splits a TOML document into keys and values, and checks no more of it.
// It accepts TOML 1.1, as the library does: inline tables may span lines.
type scanner struct {
	src  string
	pos  int
	line int // of pos, from 1
}

func (s *scanner) eof() bool { return s.pos >= len(s.src) }

// advance moves forward by n bytes and counts the lines.
func (s *scanner) advance(n int) {
	n = min(n, len(s.src)-s.pos)
	s.line += strings.Count(s.src[s.pos:s.pos+n], "\n")
	s.pos += n
}

// accept skips spaces, and then tok if it is next. It reports whether tok was next.
func (s *scanner) accept(tok string) bool {
	s.skipAny(" \t")
	if !strings.HasPrefix(s.src[s.pos:], tok) {
		return false
	}
	s.advance(len(tok))
	return true
}

func (s *scanner) skipAny(chars string) {
	rest := s.src[s.pos:]
	s.advance(len(rest) - len(strings.TrimLeft(rest, chars)))
}

// until moves forward to the next of chars, or to the end.
func (s *scanner) until(chars string) {
	i := strings.IndexAny(s.src[s.pos:], chars)
	if i < 0 {
		i = len(s.src) - s.pos
	}
	s.advance(i)
}

// skipBlank skips spaces, newlines and comments.
func (s *scanner) skipBlank() {
	for {
		s.skipAny(" \t\r\n")
		if s.eof() || s.src[s.pos] != '#' {
			return
		}
		s.until("\n")
	}
}

// key reads a key such as a."b c".d and returns its parts.
func (s *scanner) key() ([]string, error) {
	var parts []string
	for {
		s.skipAny(" \t")
		part, err := s.simpleKey()
		if err != nil {
			return nil, err
		}
		if len(parts) == maxDepth {
			return nil, errTooDeep
		}
		parts = append(parts, part)
		if !s.accept(".") {
			return parts, nil
		}
	}
}

func (s *scanner) simpleKey() (string, error) {
	if s.eof() {
		return "", errSyntax
	}
	start := s.pos
	if c := s.src[s.pos]; c == '"' || c == '\'' {
		if !s.quoted(string(c)) {
			return "", errSyntax
		}
		return unquote(s.src[start:s.pos])
	}
	for !s.eof() && isBare(s.src[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		return "", errSyntax
	}
	return s.src[start:s.pos], nil
}

// pair reads "key = value" and records its lines below the table.
func (s *scanner) pair(table *node, depth int) error {
	line := s.line
	keys, err := s.key()
	if err != nil {
		return err
	}
	if !s.accept("=") {
		return errSyntax
	}
	return s.value(table.descend(keys, line), depth)
}

// value skips a value and records the lines of its parts.
func (s *scanner) value(n *node, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch {
	case s.accept("["):
		return s.list("]", func() error {
			el := &node{line: s.line}
			n.items = append(n.items, el)
			return s.value(el, depth+1)
		})
	case s.accept("{"):
		return s.list("}", func() error { return s.pair(n, depth+1) })
	}
	for _, quote := range []string{`"""`, `'''`, `"`, `'`} {
		if strings.HasPrefix(s.src[s.pos:], quote) {
			if !s.quoted(quote) {
				return errSyntax
			}
			return nil
		}
	}
	s.until(",]}\n#")
	return nil
}

// list reads elements that are separated by commas, up to the closing bracket.
func (s *scanner) list(end string, element func() error) error {
	for {
		s.skipBlank()
		if s.accept(end) {
			return nil
		}
		if s.eof() {
			return errSyntax
		}
		start := s.pos
		if err := element(); err != nil {
			return err
		}
		s.skipBlank()
		if !s.accept(",") && s.pos == start {
			return errSyntax
		}
	}
}

// quoted skips a string in the given quotes and reports whether it ends.
func (s *scanner) quoted(quote string) bool {
	s.advance(len(quote))
	for !s.eof() {
		switch {
		case quote[0] == '"' && s.src[s.pos] == '\\':
			s.advance(2)
		case strings.HasPrefix(s.src[s.pos:], quote):
			s.advance(len(quote))
			// Up to two quotes may precede the closing three.
			for i := 0; len(quote) == 3 && i < 2 && !s.eof() && s.src[s.pos] == quote[0]; i++ {
				s.advance(1)
			}
			return true
		case len(quote) == 1 && s.src[s.pos] == '\n':
			return false
		default:
			s.advance(1)
		}
	}
	return false
}
