package config

import (
	"path/filepath"
	"strings"
	"unicode"
)

func (d *decoder) validateAddress(s *settings, whole bool) {
	if q := s.queueKey; q.good() && strings.ContainsFunc(q.v, unicode.IsControl) {
		d.fault(q.at, "must not hold control characters")
	}
	a := s.redisAddress
	switch {
	case a.bad || s.redisNetwork.bad || s.redis.sentinel.used():
	case s.network() == "unix" && !a.set:
		if whole && !s.redis.sentinel.addresses.bad {
			d.fault(s.redisNetwork.at, `"unix" needs redis_address, the absolute path of a socket`)
		}
	case s.network() == "unix" && !filepath.IsAbs(a.v):
		d.fault(a.at, `must be the absolute path of a socket, since redis_network is "unix", not %s`, shownAddress(a.v))
	case s.network() == "tcp" && a.set:
		if wrong := checkHostPort(a.v, defaultRedisAddress, 1); wrong != "" {
			d.fault(a.at, "%s, or the absolute path of a socket, not %s", wrong, shownAddress(a.v))
		}
	}
}

// network resolves redis_network: a socket's path is enough to tell.
func (s *settings) network() string {
	switch {
	case s.redisNetwork.v == "unix":
		return "unix"
	case s.redisNetwork.v == "" && filepath.IsAbs(s.redisAddress.v):
		return "unix"
	default:
		return "tcp"
	}
}

func (d *decoder) validateLogin(l login, whole bool) {
	if u, p := l.username, l.passwordFile; whole && u.good() && u.v != "" && !p.bad && p.v == "" {
		d.fault(u.at, "needs password_file beside it, which names the file with the user's password")
	}
}

func (d *decoder) validateTLS(s *settings, whole bool) {
	t := s.redis.tls
	d.validatePair(t.certFile, t.keyFile, "cert_file", "key_file", whole)
	if t.enabled.v {
		sentinel := s.redis.sentinel
		if s.network() == "unix" && !s.redisNetwork.bad && !sentinel.used() && !sentinel.addresses.bad {
			d.fault(t.enabled.at, "needs Redis at host:port: it does not speak TLS on a unix socket")
		}
		return
	}
	if t.enabled.bad || !whole {
		return
	}
	for _, v := range []value[string]{t.caFile, t.certFile, t.keyFile, t.serverName} {
		if v.good() && v.v != "" {
			d.fault(v.at, "needs enabled = true beside it: without that, nothing is encrypted")
			return // one is enough: they have the same cause
		}
	}
}

// used reports whether Sentinels tell the address of Redis. An address that was
// refused counts: what is meant by it is plain.
func (s sentinelSettings) used() bool { return len(s.addresses.v) > 0 }

func (d *decoder) validateSentinel(s *settings, whole bool) {
	sentinel := s.redis.sentinel
	if !sentinel.used() {
		if whole && !sentinel.addresses.bad {
			d.validateNoSentinel(sentinel)
		}
		return
	}
	at := sentinel.addresses.at
	if sentinel.master.v == "" && !sentinel.master.bad && whole {
		d.fault(at, "needs master beside it, the name that the Sentinels have for Redis")
	}
	if s.redisAddress.set {
		d.fault(s.redisAddress.at, "must be removed: the Sentinels of %s (%s:%d) tell where Redis is; "+
			"if this is the right address, remove the [redis.sentinel] table instead", at.key, at.file, at.line)
	}
	if s.redisNetwork.v == "unix" {
		d.fault(s.redisNetwork.at, `must be "tcp", or be removed: Sentinels do not tell of unix sockets`)
	}
	d.validateLogin(sentinel.login, whole)
}

// validateNoSentinel looks for keys that have no effect without a Sentinel.
func (d *decoder) validateNoSentinel(s sentinelSettings) {
	for _, v := range []value[string]{s.master, s.login.username, s.login.passwordFile} {
		if v.good() && v.v != "" {
			d.fault(v.at, "needs addresses beside it: where the Sentinels listen, such as [%q]", exampleSentinel)
			return // one is enough: they have the same cause
		}
	}
}
