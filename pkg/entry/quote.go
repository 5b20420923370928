package entry

import (
	"fmt"
	"unicode/utf8"
)

// The functions of this file write JSON strings as encoding/json does, but without its
// escapes for HTML, because people read the records in redis-cli: < stays <. They exist
// because encoding/json makes several copies, and an entry may have 512 MB.

// bytestring is the type of a text that can be written as a JSON string.
type bytestring interface{ ~string | ~[]byte }

// controls are the escapes of U+0000 to U+001F, of 6 bytes each.
const controls = `\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007` +
	`\u0008\u0009\u000a\u000b\u000c\u000d\u000e\u000f` +
	`\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017` +
	`\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f`

// escapeOf returns the escape for the rune at s[i:] and the length of that rune in s. The
// escape is "" if the bytes need none. Invalid UTF-8 becomes U+FFFD.
func escapeOf[T bytestring](s T, i int) (escape string, size int) {
	switch c := s[i]; {
	case c == '"':
		return `\"`, 1
	case c == '\\':
		return `\\`, 1
	case c == '\b':
		return `\b`, 1
	case c == '\f':
		return `\f`, 1
	case c == '\n':
		return `\n`, 1
	case c == '\r':
		return `\r`, 1
	case c == '\t':
		return `\t`, 1
	case c < ' ':
		return controls[6*int(c) : 6*int(c)+6], 1
	case c < utf8.RuneSelf:
		return "", 1
	}
	switch r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)])); {
	case r == utf8.RuneError && size == 1:
		return `\ufffd`, 1
	case r == '\u2028': // line breaks to JavaScript, not to JSON
		return `\u2028`, size
	case r == '\u2029':
		return `\u2029`, size
	default:
		return "", size
	}
}

// appendQuoted appends s as a JSON string (RFC 8259, section 7).
func appendQuoted[T bytestring](out []byte, s T) []byte {
	out = append(out, '"')
	kept := 0
	for i := 0; i < len(s); {
		escape, size := escapeOf(s, i)
		if escape != "" {
			out = append(append(out, s[kept:i]...), escape...)
			kept = i + size
		}
		i += size
	}
	return append(append(out, s[kept:]...), '"')
}

// quotedLen is the number of bytes that appendQuoted appends.
func quotedLen[T bytestring](s T) int {
	n := len(`""`)
	for i := 0; i < len(s); {
		size, quoted := step(s, i)
		n += quoted
		i += size
	}
	return n
}

// Default limits of error_message in a record, in bytes with its escapes.
const (
	// maxMessage has room for the last 64 KiB of both streams of a text with its lines,
	// and a reason. Control characters take six times their length, and Redis keeps a
	// failed list in memory.
	maxMessage = 144 << 10
	// headMessage is the part of it for the beginning, which has the reason.
	headMessage = 16 << 10
)

// shorten cuts out the middle of a message whose quoted form would be longer than limit.
func shorten(message string, limit int) string {
	if quotedLen(message) <= limit {
		return message
	}
	const note = "\n[1234567890 bytes left out]\n"
	start := min(headMessage, limit/4)
	head, tail := 0, len(message)
	for n := 0; head < tail; {
		size, quoted := step(message, head)
		if n += quoted; n > start {
			break
		}
		head += size
	}
	for n := start + len(note) + len(`"\n\n"`); tail > head; {
		// Bytes that are not a rune are replaced one by one, wherever they begin.
		_, size := utf8.DecodeLastRuneInString(message[head:tail])
		_, quoted := step(message, tail-size)
		if n += quoted; n > limit {
			break
		}
		tail -= size
	}
	return fmt.Sprintf("%s\n[%d bytes left out]\n%s", message[:head], tail-head, message[tail:])
}

// step returns the length of the rune at s[i:], and the length of its quoted form.
func step[T bytestring](s T, i int) (size, quoted int) {
	escape, size := escapeOf(s, i)
	if escape == "" {
		return size, size
	}
	return size, len(escape)
}
