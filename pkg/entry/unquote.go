package entry

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// surrogateError is the error for a lone surrogate that has no meaning.
type surrogateError struct {
	at     int    // position in its string
	escape string // as it is written, such as \ud800
}

// wantByte is the advice for such a surrogate.
const wantByte = `it must be half of a pair such as \ud83d\ude00 or, for a byte that is not UTF-8, one from \udc80 to \udcff`

func (e *surrogateError) Error() string { return fmt.Sprintf("the lone surrogate %s", e.escape) }

// unquote returns the bytes of a valid JSON string, which is given with its quotes.
//
// Unlike encoding/json, it puts U+FFFD nowhere: a script that gets another file name works
// on another file. Bytes that are not UTF-8 stay as they are. A lone surrogate from U+DC80
// to U+DCFF is the byte that Python's surrogateescape (PEP 383) encodes so; os.listdir and
// json.dumps write file names in that way. Any other lone surrogate is a *surrogateError.
func unquote(quoted []byte) (string, error) {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text), nil
	}
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); {
		next := bytes.IndexByte(text[i:], '\\')
		if next < 0 {
			out.Write(text[i:])
			break
		}
		out.Write(text[i : i+next])
		i += next
		if text[i+1] != 'u' {
			out.WriteByte(unescape(text[i+1]))
			i += 2
			continue
		}
		r, size := escapedRune(text[i:])
		switch {
		case !utf16.IsSurrogate(r):
			out.WriteRune(r)
		case r >= 0xdc80 && r <= 0xdcff:
			out.WriteByte(byte(r))
		default:
			return "", &surrogateError{at: 1 + i, escape: string(text[i : i+size])}
		}
		i += size
	}
	return out.String(), nil
}

// escapedRune decodes \uXXXX or a pair of them, and returns its length.
func escapedRune(text []byte) (rune, int) {
	const one = len(`\uXXXX`)
	r := hex4(text[2:one])
	if rest := text[one:]; utf16.IsSurrogate(r) && len(rest) >= one && rest[0] == '\\' && rest[1] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(rest[2:one])); pair != utf8.RuneError {
			return pair, 2 * one
		}
	}
	return r, one
}

func hex4(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	if err != nil {
		return utf8.RuneError // cannot happen: the JSON is valid
	}
	return rune(n)
}

// unescape returns the byte of a short escape.
func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return c // a quote, a backslash or a slash
	}
}
