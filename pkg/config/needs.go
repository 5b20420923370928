package config

import (
	"path/filepath"
	"strings"
)

// Need is a file or folder that a key outside of the tasks needs, for those who
// find out whether it is there. A file that gordon makes itself stands for its
// folder.
type Need struct {
	Path  string // absolute, but for Program
	Place Origin // where it is named

	// Program tells that it is a program to run, as [Config.ErrorScript] has it.
	Program bool
}

// needs lists those that are named, in c with their full paths. Credentials are
// not among them: only the daemon has them.
func (s *settings) needs(c *Config) []Need {
	var list []Need
	add := func(path string, at origin) {
		if path != "" && !strings.HasPrefix(path, CredentialPrefix) {
			list = append(list, Need{Path: path, Place: at.exported()})
		}
	}
	if c.ErrorScript != "" {
		list = append(list, Need{Path: c.ErrorScript, Place: s.errorScript.at.exported(), Program: true})
	}
	if s.tempDir.v != "" {
		add(c.TempDir, s.tempDir.at)
	}
	if c.Logfile != "" {
		add(filepath.Dir(c.Logfile), s.logfile.at)
	}
	add(c.Redis.PasswordFile, s.redis.login.passwordFile.at)
	add(c.Redis.TLS.CAFile, s.redis.tls.caFile.at)
	add(c.Redis.TLS.CertFile, s.redis.tls.certFile.at)
	add(c.Redis.TLS.KeyFile, s.redis.tls.keyFile.at)
	add(c.Redis.Sentinel.PasswordFile, s.redis.sentinel.login.passwordFile.at)
	add(c.Stats.TLSCertFile, s.stats.tlsCertFile.at)
	add(c.Stats.TLSKeyFile, s.stats.tlsKeyFile.at)
	return list
}
