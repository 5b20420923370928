package config

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shippedPath is /etc/gordon.toml of the packages. It has the settings that most people need.
const shippedPath = "../../etc/gordon.toml"

// A package that replaces the long file of earlier ones changes no setting.
func TestShipped_HasTheSettingsOfTheReference(t *testing.T) {
	shipped, err := Load(shippedPath, binDir)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := Load(samplePath, binDir)
	if err != nil {
		t.Fatal(err)
	}
	shipped.Path, shipped.Files, reference.Path, reference.Files = "", nil, "", nil
	if diff := cmp.Diff(reference, shipped, ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}

func TestShipped_LoadsWithEverySettingTurnedOn(t *testing.T) {
	c := load(t, regexp.MustCompile(`(?m)^#([^ \n#])`).ReplaceAllString(readText(t, shippedPath), "$1"))
	if len(c.Notices) > 0 || len(c.Tasks) != 2 || c.Tasks["hello"].Timeout != time.Hour || c.Tasks["mail"].Workers != 4 || c.Redis.PasswordFile == "" {
		t.Errorf("got %+v", c)
	}
}

// A default in the short file is the same as in the reference.
func TestShipped_HasTheDefaultsOfTheReference(t *testing.T) {
	text := readText(t, shippedPath)
	shipped, reference := sampleDefaults(text[:strings.Index(text, "\n#[redis]")]), sampleDefaults(readText(t, samplePath))
	if len(shipped) < 8 {
		t.Errorf("only %d keys have a default: %v", len(shipped), shipped)
	}
	for name, got := range shipped {
		got, _, _ = strings.Cut(got, ";")
		if want, _, _ := strings.Cut(reference[name], ";"); got != want {
			t.Errorf("%s: the short file has the default %s, the reference %s", name, got, want)
		}
	}
}

func TestShipped_IsShort(t *testing.T) {
	if n := strings.Count(readText(t, shippedPath), "\n"); n > 80 {
		t.Errorf("%d lines", n)
	}
}
