package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sentinelTable = "[redis.sentinel]\naddresses = [\"a\"]\nmaster = \"m\"\n"

func TestRedisFault_EachNamesLineAndWhatIsAllowed(t *testing.T) {
	const host = `must be host:port, such as "sentinel1.example.com:26379"`
	const bothPaths = "must be host:port, such as \"127.0.0.1:6379\", or the absolute path of a socket, not a URL: " +
		"user and password go to username and password_file in the [redis] table"
	for _, tc := range []struct{ name, text, want string }{
		{"redis is a string", "redis = \"db:6379\"\n", "1: redis: must be a table, not a string"},
		{"tls is a switch", "[redis]\ntls = true\n", "2: redis.tls: must be a table, not true or false"},
		{"unknown key", "[redis]\ncolour = 1\n", "2: redis.colour: unknown key; valid keys are tls, database, username, sentinel, password_file; see gordon.toml(5)"},
		{"misspelt key", "[redis]\npasswordfile = \"x\"\n", "2: redis.passwordfile: unknown key; did you mean password_file?"},
		{"key at the top", "database = 1\n", "1: database: unknown key here; it belongs in the [redis] table"},
		{"long key at the top", "redis_database = 1\n", "1: redis_database: unknown key; did you mean database in the [redis] table?"},
		{"key of the top in the table", "[redis]\naddress = \"db:6379\"\n", "2: redis.address: unknown key; did you mean redis_address at the top of the file?"},
		{"key of TLS in the table", "[redis]\nca_file = \"x\"\n", "2: redis.ca_file: unknown key here; it belongs in the [redis.tls] table"},
		{"key of Sentinel in the table", "[redis]\nmaster = \"x\"\n", "2: redis.master: unknown key here; it belongs in the [redis.sentinel] table"},
		{"table at the top", "[sentinel]\naddresses = []\n", "1: sentinel: unknown key here; it belongs in the [redis] table"},
		{"database too high", "[redis]\ndatabase = 65536\n", "2: redis.database: must be a whole number from 0 to 65535, not 65536"},
		{"negative database", "[redis]\ndatabase = -1\n", "2: redis.database: must be a whole number from 0 to 65535, not -1"},
		{"database in quotes", "[redis]\ndatabase = \"1\"\n", "2: redis.database: must be a whole number from 0 to 65535, not a string"},
		{"user without password", "[redis]\nusername = \"u\"\n", "2: redis.username: requires password_file, the file with the user's password"},
		{"user with a space", "[redis]\npassword_file = \"x\"\nusername = \"a b\"\n", "3: redis.username: must not contain spaces or control characters"},
		{"certificate without key", "[redis.tls]\nenabled = true\ncert_file = \"c\"\n", "3: redis.tls.cert_file: requires key_file: set both or neither"},
		{"key without certificate", "[redis.tls]\nenabled = true\nkey_file = \"k\"\n", "3: redis.tls.key_file: requires cert_file: set both or neither"},
		{"authorities without TLS", "[redis.tls]\nca_file = \"c\"\n", "2: redis.tls.ca_file: requires enabled = true; without it the connection is not encrypted"},
		{"TLS turned off", "[redis.tls]\nenabled = false\nserver_name = \"c\"\n", "3: redis.tls.server_name: requires enabled = true; without it the connection is not encrypted"},
		{"several keys without TLS", "[redis.tls]\nkey_file = \"k\"\ncert_file = \"c\"\nserver_name = \"n\"\n", "3: redis.tls.cert_file: requires enabled = true; without it the connection is not encrypted"},
		{"TLS on a socket", "redis_address = \"/run/r.sock\"\n[redis.tls]\nenabled = true\n", "3: redis.tls.enabled: requires host:port in redis_address: TLS is not available on a unix socket"},
		{"server name with a port", "[redis.tls]\nenabled = true\nserver_name = \"a:1\"\n", "3: redis.tls.server_name: must be a host name or an IP address without a port, not \"a:1\""},
		{"addresses is a string", "[redis.sentinel]\naddresses = \"a:1\"\nmaster = \"m\"\n", "2: redis.sentinel.addresses: must be an array of addresses, such as [\"sentinel1.example.com:26379\"], not a string"},
		{"addresses are tables", "[[redis.sentinel.addresses]]\nhost = \"a\"\n", "1: redis.sentinel.addresses: must be an array of addresses, such as [\"sentinel1.example.com:26379\"], not of tables"},
		{"address is a number", "[redis.sentinel]\nmaster = \"m\"\naddresses = [\n\"a\",\n26379]\n", "5: redis.sentinel.addresses: must be a string in quotes, not a whole number"},
		{"address is empty", "[redis.sentinel]\nmaster = \"m\"\naddresses = [\"\"]\n", "3: redis.sentinel.addresses: must not be empty"},
		{"address with port 0", "[redis.sentinel]\nmaster = \"m\"\naddresses = [\"a:0\"]\n", "3: redis.sentinel.addresses: " + host + " with a port up to 65535, or a host alone, not \"a:0\""},
		{"address is a socket", "[redis.sentinel]\nmaster = \"m\"\naddresses = [\"/run/s\"]\n", "3: redis.sentinel.addresses: " + host + ", or a host alone, not \"/run/s\""},
		{"no master", "[redis.sentinel]\naddresses = [\"a\"]\n", "2: redis.sentinel.addresses: requires master, the name of the master in the Sentinels' configuration"},
		{"master with a space", "[redis.sentinel]\naddresses = [\"a\"]\nmaster = \"a b\"\n", "3: redis.sentinel.master: must not contain spaces or control characters"},
		{"no addresses", "[redis.sentinel]\nmaster = \"m\"\n", "2: redis.sentinel.master: requires addresses of the Sentinels, such as [\"sentinel1.example.com:26379\"]"},
		{"empty addresses", "[redis.sentinel]\naddresses = []\nmaster = \"m\"\n", "3: redis.sentinel.master: requires addresses of the Sentinels, such as [\"sentinel1.example.com:26379\"]"},
		{"login without Sentinels", "[redis.sentinel]\npassword_file = \"p\"\n", "2: redis.sentinel.password_file: requires addresses of the Sentinels, such as [\"sentinel1.example.com:26379\"]"},
		{"user of Sentinels without password", sentinelTable + "username = \"u\"\n", "4: redis.sentinel.username: requires password_file, the file with the user's password"},
		{
			"address and Sentinels", "redis_address = \"db:1\"\n" + sentinelTable,
			"1: redis_address: conflicts with redis.sentinel.addresses (gordon.toml:3): the Sentinels report the address of Redis. Remove redis_address, or remove the [redis.sentinel] table",
		},
		{
			"socket and Sentinels with TLS", "redis_address = \"/run/r.sock\"\n" + sentinelTable + "[redis.tls]\nenabled = true\n",
			"1: redis_address: conflicts with redis.sentinel.addresses (gordon.toml:3): the Sentinels report the address of Redis. Remove redis_address, or remove the [redis.sentinel] table",
		},
		{"unix and Sentinels", "redis_network = \"unix\"\n" + sentinelTable, "1: redis_network: must be \"tcp\" or be removed: Sentinels report no unix sockets"},
		{"addresses twice", "redis.sentinel.master = \"m\"\nredis.sentinel.addresses = [\"a\"]\nredis.sentinel.Addresses = [\"b\"]\n", "3: redis.sentinel.Addresses: is set twice: also as redis.sentinel.addresses on line 2"},
		{"address as a URL", "redis_address = \"redis://db:6379/0\"\n", "1: redis_address: " + bothPaths},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff([]string{"gordon.toml:" + tc.want}, refuse(t, tc.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRedisFault_OfAllKeysAtOnce(t *testing.T) {
	got := refuse(t, `on_crash = 1
redis_network = "unix"
on_lease_loss = "x"
[redis]
database = true
password = "hunter2"
username = "u"
[redis.tls]
cert_file = "c"
[redis.sentinel]
addresses = ["a:0",
  "b",
  3]
username = "v"
`, "gordon.d/1.toml", "redis_address = \"db\"\n")
	want := []string{
		`gordon.toml:1: on_crash: must be "requeue" or "fail", not a whole number`,
		`gordon.toml:2: redis_network: must be "tcp" or be removed: Sentinels report no unix sockets`,
		`gordon.toml:3: on_lease_loss: must be "continue" or "stop", not "x"`,
		`gordon.toml:5: redis.database: must be a whole number from 0 to 65535, not true or false`,
		`gordon.toml:6: redis.password: ` + passwordAdvice,
		`gordon.toml:7: redis.username: requires password_file, the file with the user's password`,
		`gordon.toml:9: redis.tls.cert_file: requires key_file: set both or neither`,
		`gordon.toml:9: redis.tls.cert_file: requires enabled = true; without it the connection is not encrypted`,
		`gordon.toml:11: redis.sentinel.addresses: must be host:port, such as "sentinel1.example.com:26379" with a port up to 65535, or a host alone, not "a:0"`,
		`gordon.toml:11: redis.sentinel.addresses: requires master, the name of the master in the Sentinels' configuration`,
		`gordon.toml:13: redis.sentinel.addresses: must be a string in quotes, not a whole number`,
		`gordon.toml:14: redis.sentinel.username: requires password_file, the file with the user's password`,
		`gordon.d/1.toml:1: redis_address: conflicts with redis.sentinel.addresses (gordon.toml:11): the Sentinels report the address of Redis. ` +
			`Remove redis_address, or remove the [redis.sentinel] table`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRedisFault_ARefusedValueHasNoFurtherFault(t *testing.T) {
	for _, text := range []string{
		"[redis]\nusername = 3\n",
		"[redis]\nusername = \"u\"\npassword_file = 3\n",
		"[redis.tls]\nenabled = 3\nca_file = \"c\"\n",
		"[redis.tls]\nenabled = true\ncert_file = 3\nkey_file = \"k\"\n",
		"[redis.tls]\nca_file = 3\n",
		"redis_network = \"x\"\nredis_address = \"/run/redis.sock\"\n[redis.tls]\nenabled = true\n",
		"[redis.sentinel]\naddresses = false\nmaster = \"m\"\n",
		"redis_network = \"unix\"\n[redis.sentinel]\naddresses = false\nmaster = \"m\"\n[redis.tls]\nenabled = true\n",
		"[redis.sentinel]\naddresses = [\"a\"]\nmaster = 3\n",
		"[redis.sentinel]\nmaster = 3\n",
	} {
		if got := refuse(t, text); len(got) != 1 {
			t.Errorf("%q: want one fault, got\n%s", text, strings.Join(got, "\n"))
		}
	}
}

// Missing keys may be in the unreadable file.
func TestRedisFault_NothingIsMissingIfAFileCannotBeRead(t *testing.T) {
	got := refuse(t, "[redis]\nusername = \"u\"\n[redis.tls]\nca_file = \"c\"\ncert_file = \"c\"\n[redis.sentinel]\nmaster = \"m\"\n",
		"gordon.d/1.toml", "=", "gordon.d/2.toml", "[redis.sentinel]\nusername = \"x\"\n")
	if len(got) != 1 || !strings.HasPrefix(got[0], "gordon.d/1.toml:1: syntax: ") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
