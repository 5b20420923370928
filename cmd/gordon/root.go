package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nevsnode/gordon/v2/pkg/daemon"
)

// flags are the flags of the root command. The one-dash forms of 1.6.5 are the same
// flags (legacy.go).
type flags struct {
	conf    string
	logfile string
	test    bool
	verbose bool
	version bool
}

// noLogfile is the default of -logfile: the logfile of the configuration, as in 1.6.5. An
// empty value overrides the configuration.
const noLogfile = "-"

// app is one invocation.
type app struct {
	flags          flags
	binDir         string
	stdout, stderr io.Writer
}

// run is main without the process. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{binDir: binDir(args[0]), stdout: stdout, stderr: stderr}
	root := a.command()
	root.InitDefaultHelpFlag() // so that modernize knows it
	root.SetArgs(modernize(args[1:], root.Flags()))
	err := root.ExecuteContext(ctx)
	var reported errReported
	if err != nil && !errors.As(err, &reported) {
		printError(stderr, err)
	}
	return exitCode(err)
}

const longHelp = `Gordon takes entries from Redis lists and runs the configured scripts with them.

Without a command it is the daemon: it runs in the foreground until it gets
SIGTERM or SIGINT, and reloads its configuration on SIGHUP. A producer pushes
an entry like this:

    redis-cli RPUSH taskqueue:mail '{"args":["--to","ann@example.org"]}'

and gordon runs the script of [tasks.mail] in ` + configHint + ` with these arguments.`

const configHint = "/etc/gordon.toml"

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:               "gordon [flags]",
		Short:             "Run scripts as background tasks, from Redis lists",
		Long:              longHelp,
		Args:              noArguments,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.root(cmd.Context()) },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	f := root.Flags()
	f.SortFlags = false
	f.StringVarP(&a.flags.conf, "conf", "c", "", "read this configuration `FILE` (default "+configHint+", else gordon.config.toml beside the binary)")
	f.BoolVarP(&a.flags.test, "test", "t", false, "check the configuration and exit, like the command check")
	f.StringVar(&a.flags.logfile, "logfile", noLogfile, "log to `FILE` instead of the configured logfile; empty: journal or standard output")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "also log the start and the success of each task")
	f.BoolVar(&a.flags.version, "version", false, "print the version and exit")
	f.Lookup("logfile").DefValue = ""
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err.Error()) })
	root.AddCommand(a.checkCommand(), a.reloadCommand(), a.versionCommand(), releaseGroupsCommand())
	makeStrict(root)
	return root
}

// makeStrict makes the commands of cobra itself refuse unknown words. Without it they
// print a help text, even into a completion script, and exit with 0.
func makeStrict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, words []string) error {
				topic, unknown, err := root.Find(words)
				return errors.Join(err, noArguments(topic, unknown))
			}
		case "completion":
			cmd.Args = noArguments
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = noArguments
			}
		}
	}
}

func (a *app) root(ctx context.Context) error {
	switch {
	case a.flags.version:
		return a.printVersion()
	case a.flags.test:
		return a.check(ctx, checkOptions{file: a.flags.conf, socket: defaultSocket()})
	}
	return daemon.Run(ctx, daemon.Options{Load: a.load, Verbose: a.flags.verbose, Version: version, ExitCode: requestCode})
}

// noArguments refuses words that are not a command, and suggests a command or flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", near[0])
	} else if strings.ContainsAny(args[0], "/.") && cmd.Flags().Lookup("conf") != nil {
		hint = fmt.Sprintf("; did you mean --conf %s?", args[0])
	}
	return usage(fmt.Sprintf("%q is not a command of gordon%s", args[0], hint))
}

// usage returns an error for a wrong command line.
func usage(what string) error {
	return fmt.Errorf("%w: %s (see gordon --help)", errUsage, what)
}

// binDir returns the folder of the binary. Relative paths of a 1.6.5 configuration start
// there. As in 1.6.5 it comes from the name that gordon was called by: if that is a link,
// it is the folder of the link.
func binDir(argv0 string) string {
	if !strings.Contains(argv0, "/") {
		if exe, err := os.Executable(); err == nil {
			return filepath.Dir(exe)
		}
	}
	dir, err := filepath.Abs(filepath.Dir(argv0))
	if err != nil {
		return "." // the working directory was removed
	}
	return dir
}
