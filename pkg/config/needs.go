package config

// Need is a file or folder that a key outside of the tasks needs, for those who
// find out whether it is there, and is what it has to be.
type Need struct {
	Kind  NeedKind
	Path  string // absolute, but for a program and a credential
	Key   string // the key that belongs to a certificate
	Place Origin // where it is named
}

// NeedKind is what a [Need] has to be.
type NeedKind int

// The kinds of needs.
const (
	NeedProgram     NeedKind = iota // to run, as [Config.ErrorScript] has it
	NeedFolder                      // to write to
	NeedLogfile                     // which gordon makes where there is none
	NeedPassword                    // a file or "credential:NAME", which only the daemon has
	NeedAuthorities                 // in PEM
	NeedCertificate                 // in PEM
	NeedKey                         // in PEM
)

// needs lists those that are named, in c with their full paths.
func (s *settings) needs(c *Config) []Need {
	var list []Need
	add := func(kind NeedKind, path string, at origin) {
		if path != "" {
			list = append(list, Need{Kind: kind, Path: path, Place: at.exported()})
		}
	}
	pair := func(cert, key string, certAt, keyAt origin) {
		add(NeedCertificate, cert, certAt)
		add(NeedKey, key, keyAt)
		if cert != "" {
			list[len(list)-2].Key = key
		}
	}
	add(NeedProgram, c.ErrorScript, s.errorScript.at)
	if s.tempDir.v != "" {
		add(NeedFolder, c.TempDir, s.tempDir.at)
	}
	add(NeedLogfile, c.Logfile, s.logfile.at)
	add(NeedPassword, c.Redis.PasswordFile, s.redis.login.passwordFile.at)
	add(NeedAuthorities, c.Redis.TLS.CAFile, s.redis.tls.caFile.at)
	pair(c.Redis.TLS.CertFile, c.Redis.TLS.KeyFile, s.redis.tls.certFile.at, s.redis.tls.keyFile.at)
	add(NeedPassword, c.Redis.Sentinel.PasswordFile, s.redis.sentinel.login.passwordFile.at)
	pair(c.Stats.TLSCertFile, c.Stats.TLSKeyFile, s.stats.tlsCertFile.at, s.stats.tlsKeyFile.at)
	return list
}
