package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// modernize adds the second dash that pflag requires to long flags with one dash, as
// 1.6.5 had them (-conf FILE, -conf=FILE, -test). Everything else stays as it is, also the
// values of flags.
func modernize(args []string, flags *pflag.FlagSet) []string {
	out := make([]string, 0, len(args))
	value := false // reports whether this word is the value of the flag before it
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
		// Go's flag package, which 1.6.5 used, accepted --c for -c.
		return "-" + strings.TrimLeft(arg, "-"), !assigned && flag.NoOptDefVal == ""
	}
	if flag == nil && shorthands(name, flags) {
		return arg, false
	}
	// If gordon has no such flag, a command may have it (reload -socket). If no command
	// has it either, pflag's error names the whole flag, not one letter of it.
	return "--" + strings.TrimLeft(arg, "-"), flag != nil && !assigned && flag.NoOptDefVal == ""
}

// shorthands reports whether the name is several flags of one letter, as in -tv or
// -tc FILE. The value of the last one may follow it (-c/etc/x.toml), if it looks like a
// path: -config is not the flag -c.
func shorthands(name string, flags *pflag.FlagSet) bool {
	for i := range len(name) {
		flag := flags.ShorthandLookup(name[i : i+1])
		if flag == nil {
			return false
		}
		if value := name[i+1:]; flag.NoOptDefVal == "" {
			return value == "" || strings.ContainsAny(value, "/.")
		}
	}
	return true
}
