package configs

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// ParseZooKeeperConnect splits zookeeper.connect into its servers (host:port, the port 2181 when
// none is given) and the chroot, "" for none. The chroot stands once, after the last server.
func ParseZooKeeperConnect(s string) (servers []string, chroot string, err error) {
	// The most frequent mistake: a broker's listener in the place of ZooKeeper.
	if i := strings.Index(s, "://"); i >= 0 {
		return nil, "", fmt.Errorf("%q is an address of a broker or a web page, not of ZooKeeper; write host:port,host:port/chroot, for example localhost:2181", s)
	}
	list := s
	if i := strings.IndexByte(s, '/'); i >= 0 {
		list, chroot = s[:i], strings.TrimSpace(s[i:])
		if strings.Contains(chroot, ",") {
			return nil, "", fmt.Errorf("%q: the chroot belongs after the last server only: host1:2181,host2:2181/chroot", s)
		}
		// "/" is no chroot.
		chroot = strings.TrimRight(chroot, "/")
	}
	for _, server := range NonEmpty(list) {
		host, port := server, "2181"
		// After a bracket there is no port.
		if i := strings.LastIndexByte(server, ':'); i >= 0 && !strings.HasSuffix(server, "]") {
			host, port = server[:i], server[i+1:]
		}
		n, err := strconv.Atoi(port)
		if host == "" || err != nil || n < 1 || n > 65535 || strings.Contains(host, ":") && net.ParseIP(strings.Trim(host, "[]")) == nil {
			return nil, "", fmt.Errorf("%q is not an address of a ZooKeeper server; write host:port, for example localhost:2181", server)
		}
		// With the brackets that Go's dialer wants: ZooKeeper's own parser takes IPv6 without them.
		servers = append(servers, net.JoinHostPort(strings.Trim(host, "[]"), port))
	}
	if len(servers) == 0 {
		return nil, "", fmt.Errorf("%q names no ZooKeeper server; write host:port,host:port/chroot, for example localhost:2181", s)
	}
	return servers, chroot, nil
}
