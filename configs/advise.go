package configs

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"momus/internal/model"
)

// surroundings is where the process runs, as far as advice depends on it.
type surroundings struct {
	container   bool
	hostNetwork bool // the container uses the machine's network
	root        string
	site        site
}

// advise warns about settings that are valid and yet rarely meant.
func (x *build) advise(l *Listeners, at surroundings) {
	// On the machine's own network localhost is where the clients may be, too.
	if at.container && !at.hostNetwork {
		x.adviseReachable(l)
	}
	for _, e := range l.Advertised {
		if e.Port == 2181 {
			x.warn(x.advertisedKey(), fmt.Sprintf("%s has ZooKeeper's usual port 2181; clients speak Kafka's protocol there. Usual is 9092", e))
		}
	}
	for _, e := range l.Advertised {
		for _, f := range l.Advertised {
			// Each pair once; a listener is compared with itself never.
			if e.Listener < f.Listener && e.Port == f.Port && e.Port != 0 && e.Host != f.Host {
				x.warn(x.advertisedKey(), fmt.Sprintf("%s and %s are advertised with the same port; Kafka 2.5 refuses that. It works when the two hosts are different doors to different listeners", e, f))
			}
		}
	}
	servers, _, _ := ParseZooKeeperConnect(x.broker.ZookeeperConnect)
	for _, s := range servers {
		// An address of IPv6 has colons of its own, up to its bracket.
		host, port, _ := strings.Cut(s[strings.LastIndexByte(s, ']')+1:], ":")
		switch {
		case ownAddress(l, host, port):
			x.warn("zookeeper.connect", fmt.Sprintf("%s is an address of this broker itself; give ZooKeeper's, usually with port 2181", s))
		case port == "9092" || port == "9093" || port == "9094":
			x.warn("zookeeper.connect", fmt.Sprintf("%s has a Kafka broker's usual port; give ZooKeeper's address, usually with port 2181", s))
		}
	}
	x.adviseDirectories(at)
}

func (x *build) advertisedKey() string {
	for _, k := range []string{"advertised.listeners", "advertised.host.name", "advertised.port", "listeners", "host.name"} {
		if x.given(k) {
			return k
		}
	}
	return "advertised.listeners"
}

func ownAddress(l *Listeners, host, port string) bool {
	for _, e := range l.Advertised {
		if e.Host == host && fmt.Sprint(e.Port) == port {
			return true
		}
	}
	return false
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// adviseReachable warns when clients are given an address that leads them to themselves, in a
// container with its own network.
func (x *build) adviseReachable(l *Listeners) {
	var reachable, local []model.Endpoint
	for _, e := range l.Advertised {
		if loopback(e.Host) {
			local = append(local, e)
		} else {
			reachable = append(reachable, e)
		}
	}
	if len(local) > 0 && len(reachable) == 0 {
		e := local[0]
		x.warn(x.advertisedKey(), fmt.Sprintf("%s is advertised from inside a container: clients in other containers would be told to connect to %s:%d, which is themselves, "+
			"and fail after the first answer. Set KAFKA_ADVERTISED_LISTENERS to a name that they can resolve, such as this service's name (%s://%s:%d); "+
			"for clients outside add a second listener", formatEndpoints(local), e.Host, e.Port, e.Listener, x.hostname, e.Port))
		return
	}
	for _, e := range local {
		if e.Listener == l.InterBroker {
			x.warn(x.advertisedKey(), fmt.Sprintf("%s is the listener that other brokers use, and they would be told to connect to %s:%d, which is themselves. "+
				"Set KAFKA_INTER_BROKER_LISTENER_NAME to one of the others (%s)", e, e.Host, e.Port, strings.Join(names(reachable), ",")))
		}
	}
}

// adviseDirectories warns about directories that do not last.
func (x *build) adviseDirectories(at surroundings) {
	for _, d := range x.broker.LogDirectories() {
		if d != "/tmp" && !strings.HasPrefix(d, "/tmp/") {
			continue
		}
		key := "log.dirs"
		if !x.given(key) {
			key = "log.dir"
		}
		switch fate := tmpFate(at.root); {
		case at.container && at.site.mounts != nil && !at.site.onMount(d):
			x.warn(key, d+" is not on a volume: the records would be gone with this container")
		case !at.container && fate != "":
			x.warn(key, d+" is under /tmp, which "+fate+": the records would be gone")
		}
		return
	}
}

// tmpFate is what happens to old files in /tmp on this machine, "" when nothing is known to.
func tmpFate(root string) string {
	if runtime.GOOS == "darwin" {
		return "macOS empties"
	}
	data, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	for _, line := range strings.Split(string(data), "\n") {
		// The optional fields before " - " differ in number, so only the words behind it are safe.
		if f := strings.Fields(line); len(f) > 5 && f[4] == "/tmp" && strings.Contains(line, " - tmpfs ") {
			return "is memory on this machine and empty after its next boot"
		}
	}
	// A file in /etc replaces the one of the same name in /usr/lib.
	for _, file := range []string{"etc/tmpfiles.d/tmp.conf", "usr/lib/tmpfiles.d/tmp.conf"} {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(data), "\n") {
			f := strings.Fields(line)
			switch {
			case len(f) < 2 || f[1] != "/tmp":
			// D empties the directory at boot; the sixth field of d, q or v is the age at which
			// files are removed.
			case strings.HasPrefix(f[0], "D"):
				return "this machine empties at boot"
			case len(f) > 5 && f[5] != "-":
				return "this machine clears of files that are older than " + f[5]
			}
		}
		return ""
	}
	return ""
}
