package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// The addresses that messages show as examples. That of Redis is the default.
const (
	exampleRedis        = "127.0.0.1:6379"
	exampleInterface    = "127.0.0.1:8080"
	exampleSentinel     = "sentinel1.example.com:26379"
	defaultSentinelPort = "26379"
)

// network allows the values of redis_network. 1.6.5 accepted "udp", although Redis
// does not support it, and an empty string for "tcp".
func network(raw any) (string, error) {
	if s, ok := raw.(string); ok && (s == "" || s == "udp") {
		return s, nil
	}
	return oneOf("tcp", "unix")(raw)
}

// readAddresses reads the addresses of the Sentinels. Each invalid address has a
// fault of its own, with its line.
func (s *Sentinel) readAddresses(d *decoder, it item) {
	list, ok := it.Array()
	if _, tables := it.Raw.([]map[string]any); tables || !ok {
		form := fmt.Sprintf("must be an array of addresses, such as [%q]", exampleSentinel)
		err := wrongType(form, it.Raw)
		if tables {
			err = errors.New(form + ", not of tables")
		}
		assign(d, &s.Addresses, nil, err, it)
		return
	}
	var addresses []string
	valid := true
	for _, el := range list {
		addr, err := sentinelAddress(el.Raw)
		if err != nil {
			at := it.origin()
			at.Line = el.Line
			d.fault(at, "%v", err)
			valid = false
		}
		addresses = append(addresses, addr)
	}
	assign(d, &s.Addresses, addresses, nil, it)
	if !valid {
		it.scope.reject(it.name)
	}
}

// sentinelAddress allows host:port, and adds the port to a host without one.
func sentinelAddress(raw any) (string, error) {
	s, err := nonEmpty(raw)
	if err != nil {
		return "", err
	}
	addr := withPort(s, defaultSentinelPort)
	if err := checkHostPort(addr, exampleSentinel, 1); err != nil {
		return "", fmt.Errorf("%w, or a host alone, not %s", err, shownAddress(s))
	}
	return addr, nil
}

// withPort adds a port to a host without one: to a name, an IPv4 address, or an
// IPv6 address with or without brackets. It returns other strings unchanged.
func withPort(addr, port string) string {
	_, err := netip.ParseAddr(addr)
	switch {
	case err == nil || !strings.Contains(addr, ":"):
		return net.JoinHostPort(addr, port)
	case strings.HasPrefix(addr, "[") && strings.HasSuffix(addr, "]"):
		return addr + ":" + port
	}
	return addr
}

// checkHostPort checks an address such as 127.0.0.1:80, :80, [::1]:80 or
// localhost:http. If the lowest port is 0, the system may choose one.
func checkHostPort(addr, example string, lowest int) error {
	form := fmt.Sprintf("must be host:port, such as %q", example)
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !isPort(port) || strings.ContainsAny(host, "/@") || strings.ContainsFunc(host, isSpaceOrControl) {
		return errors.New(form)
	}
	if n, err := strconv.Atoi(port); err == nil && (n < lowest || n > 65535) {
		return errors.New(form + " with a port up to 65535")
	}
	return nil
}

// isPort reports whether a port is a number or looks like the name of a service,
// which net.Dial and net.Listen look up (RFC 6335, section 5.1).
func isPort(port string) bool {
	return port != "" && strings.Trim(strings.ToLower(port), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// serverName allows a host name or an IP address, without a port. It may be empty.
func serverName(raw any) (string, error) {
	s, err := text(raw)
	if err != nil {
		return "", err
	}
	if _, err := netip.ParseAddr(s); err != nil && (strings.ContainsAny(s, ":/@[]") || strings.ContainsFunc(s, isSpaceOrControl)) {
		return "", errors.New("must be a host name or an IP address without a port, not " + shownAddress(s))
	}
	return s, nil
}

// shownAddress quotes an address for a message, unless it may be a URL with a
// password.
func shownAddress(addr string) string {
	if strings.Contains(addr, "@") || strings.Contains(addr, "://") {
		return "a URL: user and password go to username and password_file in the [redis] table"
	}
	return tomlfile.Quote(addr)
}

// passwordFile allows a path or the name of a systemd credential. The error does not
// show the value: it may be the password itself, in the wrong key.
func passwordFile(raw any) (string, error) {
	s, err := text(raw)
	if err != nil {
		return "", err
	}
	if name, ok := strings.CutPrefix(s, CredentialPrefix); ok && !isCredentialName(name) {
		return "", errors.New(`must be "credential:NAME"; the name of a systemd credential is not empty ` +
			`and has only printable ASCII without "/" and ":"`)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("must be the path of a file or the name of a credential, without control characters")
	}
	return s, nil
}

func isCredential(file string) bool { return strings.HasPrefix(file, CredentialPrefix) }

// isCredentialName reports whether systemd accepts the name of a credential: it is
// both a file name and a name for a file descriptor (systemd.exec(5),
// LoadCredential=; sd_listen_fds_with_names(3)).
func isCredentialName(name string) bool {
	invalid := func(r rune) bool { return r < ' ' || r > '~' || r == '/' || r == ':' }
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.ContainsFunc(name, invalid)
}
