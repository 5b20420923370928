package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// putAddresses takes the list of the Sentinels. Each address that is wrong has a
// fault of its own, on its own line.
func putAddresses(d *decoder, s *sentinelSettings, it item) {
	list, ok := it.value.([]any)
	if !ok {
		wrong := fmt.Sprintf("must be an array of addresses, such as [%q], not ", exampleSentinel)
		if _, tables := it.value.([]map[string]any); tables {
			wrong += "of tables"
		} else {
			wrong += describe(it.value)
		}
		assign(d, &s.addresses, nil, wrong, it)
		return
	}
	var addresses []string
	before := len(d.faults)
	for i, el := range list {
		addr, wrong := sentinelAddress(el)
		if wrong != "" {
			at := it.origin()
			at.line = it.lines.item(i).line
			d.fault(at, "%s", wrong)
		}
		addresses = append(addresses, addr)
	}
	refused := len(d.faults) > before
	assign(d, &s.addresses, addresses, "", it)
	s.addresses.bad = s.addresses.bad || refused
}

// sentinelAddress allows host:port and adds the port where there is only a host.
func sentinelAddress(raw any) (string, string) {
	s, wrong := nonEmpty(raw)
	if wrong != "" {
		return "", wrong
	}
	addr := withPort(s, defaultSentinelPort)
	if wrong := checkHostPort(addr, exampleSentinel, 1); wrong != "" {
		return "", wrong + ", or a host alone, not " + shownAddress(s)
	}
	return addr, ""
}

// withPort adds a port to a host that has none: to a name, an IPv4 address, or an
// IPv6 address with or without its brackets. The rest is returned as it is.
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

// serverName allows the name of a host or an IP address, without a port; it may be
// empty.
func serverName(raw any) (string, string) {
	s, wrong := text(raw)
	if wrong != "" {
		return "", wrong
	}
	if _, err := netip.ParseAddr(s); err != nil && (strings.ContainsAny(s, ":/@[]") || strings.ContainsFunc(s, isSpaceOrControl)) {
		return "", "must be the name of a host or an IP address, without a port, not " + shownAddress(s)
	}
	return s, ""
}
