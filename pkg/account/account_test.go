package account_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/account"
)

func TestEnviron(t *testing.T) {
	daemon := []string{"HOME=/var/lib/gordon", "A=1", "SHELL=/bin/sh", "USER=gordon", "HOMEX=1"}
	a := account.Account{Name: "ann", Home: "/home/ann", Shell: "/bin/bash"}
	if diff := cmp.Diff([]string{"A=1", "HOMEX=1", "HOME=/home/ann", "LOGNAME=ann", "SHELL=/bin/bash", "USER=ann"}, a.Environ(daemon)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"A=1", "HOMEX=1", "LOGNAME=x", "USER=x"}, account.Account{Name: "x"}.Environ(daemon)); diff != "" {
		t.Error(diff)
	}
}
