package host

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReadMachineID(t *testing.T) {
	const id, other = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	for _, tc := range []struct{ name, first, second, want string }{
		{"valid", id + "\n", "", id},
		{"without a newline", id, "", id},
		{"upper case", "0123456789ABCDEF0123456789ABCDEF\n", "", id},
		{"the first counts", id + "\n", other + "\n", id},
		{"empty, then D-Bus's", "", other + "\n", other},
		{"not booted yet", "uninitialized\n", "", ""},
		{"all zeros", "00000000000000000000000000000000\n", "", ""},
		{"too short", "0123\n", "", ""},
		{"no digits", "zzzz456789abcdef0123456789abcdef\n", "", ""},
		{"two lines", id + "\n" + other + "\n", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
			for path, text := range map[string]string{first: tc.first, second: tc.second} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := readMachineID(filepath.Join(dir, "missing"), first, second); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
