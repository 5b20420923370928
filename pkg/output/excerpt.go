package output

import (
	"bytes"
	"fmt"
	"strings"
)

// maxLogged bounds the text of a failure in the log, in bytes. The failed list and the
// file of the error_script have all of it.
const maxLogged = 2 << 10

// Excerpt returns the beginning and the end of a text for the log: a failure begins
// with its reason, and output usually ends with it.
func Excerpt(text string) string {
	if len(text) <= maxLogged {
		return strings.TrimRight(text, "\n")
	}
	head, tail := text[:maxLogged/4], text[len(text)-maxLogged*3/4:]
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s … [%d bytes] … %s", strings.ToValidUTF8(head, ""), len(text)-len(head)-len(tail), strings.ToValidUTF8(tail, ""))
	return strings.TrimRight(b.String(), "\n")
}
