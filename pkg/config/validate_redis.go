package config

import (
	"path/filepath"
	"strings"
	"unicode"
)

func (d *decoder) validateRedis(complete bool) {
	d.validateAddress(complete)
	if complete {
		d.validateLogin("redis", d.config.Redis.Username, d.config.Redis.PasswordFile)
	}
	d.validateTLS(complete)
	d.validateSentinel(complete)
}

func (d *decoder) validateAddress(complete bool) {
	c, top := d.config, d.top
	if top.valid("queue_key") && strings.ContainsFunc(c.QueueKey, unicode.IsControl) {
		d.fault(top.at("queue_key"), "must not contain control characters")
	}
	network, set, at := d.network(), top.set("redis_address"), top.at("redis_address")
	switch {
	case top.invalid("redis_address") || top.invalid("redis_network") || d.usesSentinels():
	case network == "unix" && !set:
		if complete && !top.invalid("redis.sentinel.addresses") {
			d.fault(top.at("redis_network"), `"unix" requires redis_address, the absolute path of a socket`)
		}
	case network == "unix" && !filepath.IsAbs(c.RedisAddress):
		d.fault(at, `must be the absolute path of a socket, since redis_network is "unix", not %s`, shownAddress(c.RedisAddress))
	case network == "tcp" && set:
		if err := checkHostPort(c.RedisAddress, exampleRedis, 1); err != nil {
			d.fault(at, "%v, or the absolute path of a socket, not %s", err, shownAddress(c.RedisAddress))
		}
	}
}

// network returns the network of Redis: the path of a socket implies "unix".
func (d *decoder) network() string {
	c := d.config
	if c.RedisNetwork == "unix" || c.RedisNetwork == "" && filepath.IsAbs(c.RedisAddress) {
		return "unix"
	}
	return "tcp"
}

func (d *decoder) validateLogin(table, username, passwordFile string) {
	user := dotted(table, "username")
	if d.top.valid(user) && username != "" && passwordFile == "" && !d.top.invalid(dotted(table, "password_file")) {
		d.fault(d.top.at(user), "requires password_file, the file with the user's password")
	}
}

func (d *decoder) validateTLS(complete bool) {
	t, top := d.config.Redis.TLS, d.top
	if complete {
		d.validatePair("redis.tls", "cert_file", t.CertFile, "key_file", t.KeyFile)
	}
	switch {
	case t.Enabled:
		onSocket := d.network() == "unix" && !top.invalid("redis_network")
		if onSocket && !d.usesSentinels() && !top.invalid("redis.sentinel.addresses") {
			d.fault(top.at("redis.tls.enabled"), "requires host:port in redis_address: TLS is not available on a unix socket")
		}
	case !top.invalid("redis.tls.enabled") && complete:
		d.validateUnused("redis.tls", tlsKeys(&d.config.Redis.TLS), "requires enabled = true; without it the connection is not encrypted")
	}
}

// usesSentinels reports whether Sentinels know the address of Redis. Invalid
// addresses count, because the intention is clear.
func (d *decoder) usesSentinels() bool { return len(d.config.Redis.Sentinel.Addresses) > 0 }

func (d *decoder) validateSentinel(complete bool) {
	s, top := &d.config.Redis.Sentinel, d.top
	const addresses = "redis.sentinel.addresses"
	if !d.usesSentinels() {
		if complete && !top.invalid(addresses) {
			d.validateUnused("redis.sentinel", sentinelKeys(s), `requires addresses of the Sentinels, such as ["`+exampleSentinel+`"]`)
		}
		return
	}
	at := top.at(addresses)
	if complete && s.Master == "" && !top.invalid("redis.sentinel.master") {
		d.fault(at, "requires master, the name of the master in the Sentinels' configuration")
	}
	if top.set("redis_address") {
		d.fault(top.at("redis_address"), "conflicts with %s (%s:%d): the Sentinels report the address of Redis. Remove redis_address, or remove the [redis.sentinel] table", at.Key, at.File, at.Line)
	}
	if d.config.RedisNetwork == "unix" {
		d.fault(top.at("redis_network"), `must be "tcp" or be removed: Sentinels report no unix sockets`)
	}
	if complete {
		d.validateLogin("redis.sentinel", s.Username, s.PasswordFile)
	}
}

// validateUnused reports the first string of a table that has no effect. One fault is
// enough: the others have the same cause.
func (d *decoder) validateUnused(table string, keys []key, message string) {
	for _, k := range keys {
		value, isText := k.field.(*string)
		name := dotted(table, k.name)
		if isText && *value != "" && d.top.valid(name) {
			d.fault(d.top.at(name), "%s", message)
			return
		}
	}
}
