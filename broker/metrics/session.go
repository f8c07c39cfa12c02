package metrics

import (
	"sync/atomic"

	"momus/coordinator/zk"
)

// ExportSession adds what has happened to a ZooKeeper session. prefix is that of the names: Kafka
// has the same meters for the broker's session and for the authorizer's.
func (m *Metrics) ExportSession(prefix string, e *zk.Events) {
	for _, c := range []struct {
		name, help string
		n          *atomic.Int64
	}{
		{"authfailures", "Logins that ZooKeeper did not take.", &e.AuthFailures},
		{"disconnects", "Connections to ZooKeeper that ended.", &e.Disconnects},
		{"expires", "Sessions that ZooKeeper has ended.", &e.Expires},
		{"saslauthentications", "Logins at ZooKeeper.", &e.SaslAuthentications},
		{"syncconnects", "Connections to ZooKeeper with a session.", &e.SyncConnects},
	} {
		m.CounterFunc(prefix+"zookeeper"+c.name+"_total", c.help, func() float64 { return float64(c.n.Load()) })
	}
}
