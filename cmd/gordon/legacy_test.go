package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompatOneDashFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"", ""},
		{"-c f", "-c f"},
		{"-c=f", "-c=f"},
		{"--c f", "-c f"},
		{"-conf f", "--conf f"},
		{"-conf=f", "--conf=f"},
		{"--conf f", "--conf f"},
		{"-test -verbose -version", "--test --verbose --version"},
		{"-t -v", "-t -v"},
		{"-test=false", "--test=false"},
		{"-logfile f -t", "--logfile f -t"},
		{"check f", "check f"},

		// A value is a value, whatever it looks like.
		{"-conf -verbose", "--conf -verbose"},
		{"-c -test -test", "-c -test --test"},
		{"-logfile - -test", "--logfile - --test"},
		{"-logfile -- -test", "--logfile -- --test"},
		// A flag that is on or off takes none.
		{"-test -conf f", "--test --conf f"},

		{"-tv -tc f", "-tv -tc f"},
		{"-cf.toml -tc/f", "-cf.toml -tc/f"},
		{"reload -socket s", "reload --socket s"},

		// pflag refuses an unknown flag, with its name.
		{"-nope -config f", "--nope --config f"},
		{"-verbos -config=f", "--verbos --config=f"},
		{"-x", "-x"},
		{"-", "-"},
		{"-- -conf", "-- -conf"},
	} {
		a := &app{stdout: io.Discard, stderr: io.Discard}
		got := modernize(strings.Fields(test.args), a.command().Flags())
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("modernize(%s) (-want +got):\n%s", test.args, diff)
		}
	}
}
