package config

// CredentialPrefix begins a password file that is the name of a systemd
// credential: "credential:redis-password" is the file redis-password in the folder
// $CREDENTIALS_DIRECTORY of the daemon (systemd.exec(5), LoadCredential=).
const CredentialPrefix = "credential:"

// Redis describes how to find Redis and log in to it, besides its address. No field
// holds a password: it cannot be logged with this struct.
type Redis struct {
	Database int    // for SELECT, 0 to 65535
	Username string // ACL user; "" = the default one. Set only if PasswordFile is

	// PasswordFile is the absolute path of the file that holds the password, or
	// [CredentialPrefix] and the name of a credential; "" = no password.
	PasswordFile string

	TLS      TLS
	Sentinel Sentinel
}

// TLS describes the encryption of the connections to Redis and its Sentinels. The
// other fields are "" unless it is enabled.
type TLS struct {
	Enabled    bool
	CAFile     string // absolute; "" = those that the system trusts
	CertFile   string // absolute; the certificate of the client; "" = none
	KeyFile    string // absolute; set if and only if CertFile is
	ServerName string // name in the certificate of Redis; "" = the host of its address
}

// Sentinel names the Sentinels that know the address of Redis.
type Sentinel struct {
	Addresses    []string // host:port each; nil = Redis is at RedisAddress
	Master       string   // the master's name in the Sentinels' configuration; set if and only if Addresses are
	Username     string   // ACL user of the Sentinels; "" = the default one. Set only if PasswordFile is
	PasswordFile string   // password of the Sentinels, as Redis.PasswordFile; "" = none
}
