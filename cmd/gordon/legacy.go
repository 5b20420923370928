package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// modernize gives the long flags that were written with one dash, as 1.6.5 had
// them (-conf FILE, -conf=FILE, -test), the second dash that pflag wants. All
// else stays as it is, the values of flags above all.
func modernize(args []string, flags *pflag.FlagSet) []string {
	out := make([]string, 0, len(args))
	value := false // whether this word is the value of the flag before it
	for i, arg := range args {
		if arg == "--" && !value {
			return append(out, args[i:]...)
		}
		if value {
			out, value = append(out, arg), false
			continue
		}
		arg, value = modernizeFlag(arg, flags)
		out = append(out, arg)
	}
	return out
}

// modernizeFlag returns the flag as pflag reads it, and whether its value is
// the next word.
func modernizeFlag(arg string, flags *pflag.FlagSet) (modern string, valueFollows bool) {
	if !strings.HasPrefix(arg, "-") || arg == "-" {
		return arg, false
	}
	name, _, assigned := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	flag := flags.Lookup(name)
	if flag == nil && len(name) == 1 {
		if flag = flags.ShorthandLookup(name); flag == nil {
			return arg, false
		}
		// Go's flag package took --c for -c as well.
		return "-" + strings.TrimLeft(arg, "-"), !assigned && flag.NoOptDefVal == ""
	}
	if flag == nil {
		return arg, false
	}
	return "--" + strings.TrimLeft(arg, "-"), !assigned && flag.NoOptDefVal == ""
}
