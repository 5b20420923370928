package config

import "time"

// Config is the configuration: checked, with defaults and inherited values, and with
// absolute paths.
type Config struct {
	Path  string   // of the main file, as the caller of Load gave it
	Files []string // all files, in order: the main file, then its drop-ins

	RedisNetwork string // "tcp" or "unix"
	RedisAddress string // host:port, or the absolute path of a socket; "" if and only if there are Sentinels
	Redis        Redis
	QueueKey     string // the first part of every Redis key; never empty

	// ErrorScript is the program that runs after a failure; "" = none. It is not
	// changed, as in 1.6.5: a name without a slash is looked up in PATH, and a path
	// may be relative to the working directory.
	ErrorScript string
	TempDir     string // absolute; for the files of ErrorScript
	Logfile     string // absolute; "" = none

	StartTimeout    time.Duration // for the first connection to Redis
	ShutdownTimeout time.Duration // for running tasks, at a stop
	KillGrace       time.Duration // from SIGTERM to SIGKILL, for processes that are not tasks

	MaxRunning  int // maximum of running tasks of all types; 0 = no limit
	OnLeaseLoss OnLeaseLoss

	Stats   Stats
	Tasks   map[string]Task // by type; never nil
	Limits  []LimitKey      // the limits of all tasks
	Needs   []Need          // the files that keys outside of the tasks name
	Notices []string        // keys without effect and adjusted values, one sentence each
}

// OnLeaseLoss is the treatment of running tasks if the daemon cannot renew its lease in
// Redis, so that another host may soon take over their entries.
type OnLeaseLoss string

// The values of on_lease_loss.
const (
	LeaseLossContinue OnLeaseLoss = "continue" // they run to their end, and their entries may run twice
	LeaseLossStop     OnLeaseLoss = "stop"     // they are killed before another host may start them
)

// Stats describes the statistics over HTTP.
type Stats struct {
	Interface   string // host:port, the host may be empty; "" = none
	Pattern     string // path of the statistics, begins with "/"
	TLSCertFile string // absolute; "" = plain HTTP
	TLSKeyFile  string // absolute; set if and only if TLSCertFile is
}

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
