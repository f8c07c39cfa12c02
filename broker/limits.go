package broker

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"momus/broker/network"
	"momus/configs"
)

// limits are the limits of connections, computed anew only when the configuration has changed.
func (b *Broker) limits() func() *network.Limits {
	type cached struct {
		of     *configs.Broker
		limits *network.Limits
	}
	var last atomic.Pointer[cached]
	var one sync.Mutex // names are resolved under it
	return func() *network.Limits {
		c := b.config.Broker()
		before := last.Load()
		// Configurations are never changed, only replaced, so that the pointer says enough. This is
		// asked for every connection.
		if before != nil && before.of == c {
			return before.limits
		}
		if before != nil && before.of.MaxConnectionsPerIPOverrides != c.MaxConnectionsPerIPOverrides {
			// Nobody waits for a DNS server but the one who asks it.
			if !one.TryLock() {
				return before.limits // until somebody else has the new ones
			}
			defer one.Unlock()
		}
		l := &network.Limits{
			MaxRequestBytes: c.SocketRequestMaxBytes, MaxIdle: time.Duration(c.ConnectionsMaxIdleMs) * time.Millisecond,
			MaxConnections: c.MaxConnections, MaxConnectionsListener: map[string]int32{}, MaxConnectionsPerIP: c.MaxConnectionsPerIP,
			InterBrokerListener: b.config.Listeners().InterBroker, SendBuffer: c.SocketSendBufferBytes, RecvBuffer: c.SocketReceiveBufferBytes,
			QueuedBytes: c.QueuedMaxRequestBytes, FailedAuthenticationDelay: ms(c.ConnectionFailedAuthenticationDelayMs),
		}
		if before != nil && before.of.MaxConnectionsPerIPOverrides == c.MaxConnectionsPerIPOverrides {
			l.MaxConnectionsPerIPHost = before.limits.MaxConnectionsPerIPHost // names are resolved once
		} else {
			l.MaxConnectionsPerIPHost = b.overridesPerIP(c.MaxConnectionsPerIPOverrides, net.DefaultResolver.LookupNetIP)
		}
		for _, e := range b.config.Listeners().Bind {
			if n, err := strconv.ParseInt(b.config.ListenerValue(e.Listener, "max.connections"), 10, 32); err == nil {
				l.MaxConnectionsListener[e.Listener] = int32(n)
			}
		}
		last.Store(&cached{c, l})
		return l
	}
}

// lookupLimit is how long the names in max.connections.per.ip.overrides may take together.
const lookupLimit = 5 * time.Second

// overridesPerIP reads max.connections.per.ip.overrides as limits by address. A name counts for
// all of its addresses; one that has none is left out, with a line in the log.
func (b *Broker) overridesPerIP(text string, lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)) map[string]int32 {
	const key = "max.connections.per.ip.overrides"
	hosts, err := configs.ParseOverridesPerIP(text)
	if err != nil {
		b.log.WithError(err).Warn(key + " is not used")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	limits := make(map[string]int32, len(hosts))
	for host, n := range hosts {
		addresses, err := lookup(ctx, "ip", host) // an address is its own
		if err != nil {
			b.log.WithError(err).WithField("host", host).Warn(key + " has a host without an address, whose limit is not used; name an address, or set the key again when the name is known")
			continue
		}
		for _, a := range addresses {
			limits[a.Unmap().String()] = n
		}
	}
	return limits
}
