package main

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// load reads the configuration that the flags name.
func (a *app) load() (*config.Config, error) {
	c, err := a.read(a.flags.conf)
	if err != nil {
		return nil, err
	}
	if a.flags.logfile != noLogfile {
		c.Logfile = absolute(a.flags.logfile, a.binDir)
	}
	return c, nil
}

// read reads file, or, if it is "", the first existing one of the default files.
func (a *app) read(file string) (*config.Config, error) {
	path := config.Path(file, a.binDir)
	c, err := config.Load(path, a.binDir)
	var faults config.Faults
	if file == "" && path != config.SystemPath && errors.As(err, &faults) && faults[0].File == path && errors.Is(faults[0], fs.ErrNotExist) {
		faults[0].Message += "; " + config.SystemPath + " does not exist either: name the file with --conf"
	}
	return c, err
}

// absolute returns path, relative to dir unless it is absolute; "" stays "".
func absolute(path, dir string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
