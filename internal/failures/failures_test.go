package failures

import "testing"

func TestParse_UnknownNames(t *testing.T) {
	for _, s := range []string{"", "exit ", "exit0", "exit75", "exit 0", "exit 256", "exit 9-3", "exit 1-", "exit -1", "Timeout", "all"} {
		if f := new(Set); f.add(s) {
			t.Errorf("%q is taken as %+v", s, *f)
		}
	}
}
