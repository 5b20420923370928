package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedis_EverythingSet(t *testing.T) {
	c := load(t, `
[redis]
database = 7
username = "gordon"
password_file = "/etc/gordon.redis-password"
[redis.tls]
enabled = true
ca_file = "/ca.pem"
cert_file = "/cert.pem"
key_file = "/key.pem"
server_name = "redis.example.com"
[redis.sentinel]
addresses = ["a:1", "b"]
master = "mymaster"
username = "watcher"
password_file = "credential:sentinel"
`+task())
	want := Redis{
		Database: 7, Username: "gordon", PasswordFile: "/etc/gordon.redis-password",
		TLS: TLS{Enabled: true, CAFile: "/ca.pem", CertFile: "/cert.pem", KeyFile: "/key.pem", ServerName: "redis.example.com"},
		Sentinel: Sentinel{
			Addresses: []string{"a:1", "b:26379"}, Master: "mymaster", Username: "watcher", PasswordFile: "credential:sentinel",
		},
	}
	if diff := cmp.Diff(want, c.Redis); diff != "" {
		t.Error(diff)
	}
	if c.RedisNetwork != "tcp" || c.RedisAddress != "" || len(c.Notices) != 0 {
		t.Errorf("got %q %q, notices %q", c.RedisNetwork, c.RedisAddress, c.Notices)
	}
}

func TestRedis_NothingSet(t *testing.T) {
	for _, text := range []string{
		"",
		"[redis]\n[redis.tls]\n[redis.sentinel]\n",
		"[redis]\ndatabase = 0\nusername = \"\"\npassword_file = \"\"\n[redis.tls]\nenabled = false\nca_file = \"\"\ncert_file = \"\"\nkey_file = \"\"\nserver_name = \"\"\n" +
			"[redis.sentinel]\naddresses = []\nmaster = \"\"\nusername = \"\"\npassword_file = \"\"\n",
	} {
		c := load(t, text+task())
		if diff := cmp.Diff(Redis{}, c.Redis); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
		if c.RedisAddress != "127.0.0.1:6379" || len(c.Notices) != 0 {
			t.Errorf("%q: got %q, notices %q", text, c.RedisAddress, c.Notices)
		}
	}
}

func TestRedis_TablesMatchInAnyCaseAndForm(t *testing.T) {
	want := Redis{Database: 3, TLS: TLS{Enabled: true}}
	for _, text := range []string{
		"[Redis]\nDatabase = 3\n[Redis.TLS]\nENABLED = true\n",
		"redis.database = 3\nredis.tls.enabled = true\n",
		"redis = { database = 3, tls = { enabled = true } }\n",
		"[redis.tls]\nenabled = true\n[redis]\ndatabase = 3\n",
	} {
		if diff := cmp.Diff(want, load(t, text+task()).Redis); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestRedis_DatabasesUpToTheLast(t *testing.T) {
	if got := load(t, "redis.database = 65535\n"+task()).Redis.Database; got != 65535 {
		t.Errorf("got %d", got)
	}
}

func TestRedis_RelativeFilesAreRelativeToBinary(t *testing.T) {
	c := load(t, "[redis]\npassword_file = \"pw\"\n[redis.tls]\nenabled = true\nca_file = \"ca\"\ncert_file = \"../c\"\nkey_file = \"./k\"\n"+
		"[redis.sentinel]\naddresses = [\"a\"]\nmaster = \"m\"\npassword_file = \"x/credential:y\"\n"+task())
	for _, got := range [][2]string{
		{c.Redis.PasswordFile, "/opt/gordon/pw"},
		{c.Redis.TLS.CAFile, "/opt/gordon/ca"},
		{c.Redis.TLS.CertFile, "/opt/c"},
		{c.Redis.TLS.KeyFile, "/opt/gordon/k"},
		{c.Redis.Sentinel.PasswordFile, "/opt/gordon/x/credential:y"},
	} {
		if got[0] != got[1] {
			t.Errorf("got %q, want %q", got[0], got[1])
		}
	}
}

func TestRedis_TLSOverTCPAndSentinel(t *testing.T) {
	for _, text := range []string{
		"redis_address = \"db:6380\"\n",
		"redis_network = \"udp\"\n",
		"redis_network = \"tcp\"\n[redis.sentinel]\naddresses = [\"a\"]\nmaster = \"m\"\n",
	} {
		if c := load(t, text+"[redis.tls]\nenabled = true\n"+task()); !c.Redis.TLS.Enabled || c.RedisNetwork != "tcp" {
			t.Errorf("%q: got %+v", text, c)
		}
	}
}

func TestRedis_DropInsReplaceSingleKeys(t *testing.T) {
	c := load(t, "[redis]\ndatabase = 1\nusername = \"u\"\n[redis.sentinel]\naddresses = [\"a\", \"b\"]\nmaster = \"m\"\n"+task(),
		"gordon.d/1.toml", "[redis]\npassword_file = \"/pw\"\n[redis.sentinel]\naddresses = [\"c\"]\n",
		"gordon.d/2.toml", "[redis]\ndatabase = 2\n")
	want := Redis{
		Database: 2, Username: "u", PasswordFile: "/pw",
		Sentinel: Sentinel{Addresses: []string{"c:26379"}, Master: "m"},
	}
	if diff := cmp.Diff(want, c.Redis); diff != "" {
		t.Error(diff)
	}
}

func TestRedis_ADropInTurnsSentinelsOff(t *testing.T) {
	c := load(t, "[redis.sentinel]\naddresses = [\"a\"]\nmaster = \"m\"\n"+task(),
		"gordon.d/1.toml", "redis_address = \"/run/redis.sock\"\n[redis.sentinel]\naddresses = []\nmaster = \"\"\n")
	if c.RedisAddress != "/run/redis.sock" || c.RedisNetwork != "unix" || len(c.Redis.Sentinel.Addresses) != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestSentinel_PortIsAddedToAHost(t *testing.T) {
	for addr, want := range map[string]string{
		"a":               "a:26379",
		"a.example.com":   "a.example.com:26379",
		"a:1":             "a:1",
		"a:redis":         "a:redis",
		"10.0.0.1":        "10.0.0.1:26379",
		"10.0.0.1:5000":   "10.0.0.1:5000",
		"::1":             "[::1]:26379",
		"[::1]":           "[::1]:26379",
		"[::1]:5000":      "[::1]:5000",
		"2001:db8::1:5":   "[2001:db8::1:5]:26379",
		"fe80::1%eth0":    "[fe80::1%eth0]:26379",
		"[fe80::1%eth0]":  "[fe80::1%eth0]:26379",
		"[fe80::1%lo]:80": "[fe80::1%lo]:80",
	} {
		got, err := sentinelAddress(addr)
		if got != want || err != nil {
			t.Errorf("%q: got %q (%v), want %q", addr, got, err, want)
		}
	}
}

func TestSentinel_AddressRefused(t *testing.T) {
	for _, addr := range []any{
		"", ":", "a:", "a:0", "a:65536", "a:-1", "a b", "a/b", "/run/s.sock", "a:1:2", "[::1", "::1]", "u@a", "u:p@a:1", "redis://a:1", "a\n", "\x00",
		nil, int64(26379), true,
		[]any{"a"},
		map[string]any{"a": "b"},
	} {
		if got, err := sentinelAddress(addr); err == nil {
			t.Errorf("%#v became %q", addr, got)
		}
	}
}

func TestServerName(t *testing.T) {
	for _, name := range []string{"", "redis", "redis.example.com", "10.0.0.1", "::1", "2001:db8::1"} {
		if got, err := serverName(name); got != name || err != nil {
			t.Errorf("%q: got %q (%v)", name, got, err)
		}
	}
	for _, name := range []any{"redis:6379", "[::1]", "[::1]:80", "a b", "a\tb", "https://a", "u@a", "a/b", int64(3), nil} {
		if _, err := serverName(name); err == nil {
			t.Errorf("%#v is accepted", name)
		}
	}
}
