package config

import "strings"

// CredentialPrefix begins a password file that is the name of a systemd
// credential: "credential:redis-password" is the file redis-password in the
// folder $CREDENTIALS_DIRECTORY of the daemon (systemd.exec(5), LoadCredential=).
const CredentialPrefix = "credential:"

// Redis says how to log in to Redis and how to find it, beyond its address. No
// field holds a password: what is not in this struct can't be logged with it.
type Redis struct {
	Database int    // for SELECT, 0 to 65535
	Username string // ACL user; "" = the default one. Set only if PasswordFile is

	// PasswordFile is the absolute path of the file that holds the password, or
	// [CredentialPrefix] and the name of a credential; "" = no password.
	PasswordFile string

	TLS      TLS
	Sentinel Sentinel
}

// TLS says how the connections to Redis, and to its Sentinels, are encrypted. The
// other fields are "" unless it is enabled.
type TLS struct {
	Enabled    bool
	CAFile     string // absolute; "" = the authorities that the system trusts
	CertFile   string // absolute; the certificate to show to Redis, "" = none
	KeyFile    string // absolute; set if and only if CertFile is
	ServerName string // name that the certificate of Redis must bear; "" = the host it is reached at
}

// Sentinel says which Sentinels know the address of Redis.
type Sentinel struct {
	Addresses    []string // host:port each; nil = Redis is at RedisAddress
	Master       string   // name of the master as the Sentinels know it; set if and only if Addresses are
	Username     string   // ACL user of the Sentinels; "" = the default one. Set only if PasswordFile is
	PasswordFile string   // password of the Sentinels, as Redis.PasswordFile; "" = none
}

// address resolves redis_address, which Sentinels take the place of.
func (s *settings) address() string {
	if s.redis.sentinel.used() {
		return ""
	}
	return s.redisAddress.or(defaultRedisAddress)
}

// resolve makes paths absolute with file.
func (s redisSettings) resolve(file func(value[string]) string) Redis {
	password := func(v value[string]) string {
		if strings.HasPrefix(v.v, CredentialPrefix) {
			return v.v
		}
		return file(v)
	}
	return Redis{
		Database:     int(s.database.v),
		Username:     s.login.username.v,
		PasswordFile: password(s.login.passwordFile),
		TLS: TLS{
			Enabled:    s.tls.enabled.v,
			CAFile:     file(s.tls.caFile),
			CertFile:   file(s.tls.certFile),
			KeyFile:    file(s.tls.keyFile),
			ServerName: s.tls.serverName.v,
		},
		Sentinel: Sentinel{
			Addresses:    s.sentinel.addresses.v,
			Master:       s.sentinel.master.v,
			Username:     s.sentinel.login.username.v,
			PasswordFile: password(s.sentinel.login.passwordFile),
		},
	}
}
