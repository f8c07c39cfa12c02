package zkserver

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// version is what the four-letter words call the server. Clients parse it: they learn which
// protocol it speaks, in the form and with the date of the release that it is held to.
const version = "3.4.14-momus, built on 03/06/2019 16:18 GMT"

// fourLetterWord answers the monitoring commands that are the first four bytes of a connection. ok
// is false when word is none of them, and so the length of a frame.
func (s *Server) fourLetterWord(word string) (answer string, ok bool) {
	switch word {
	case "ruok":
		return "imok", true
	case "isro":
		return "rw", true
	case "envi":
		return environment(), true
	// wchs, the summary, costs nothing.
	case "wchp", "wchc": // too costly on a busy server: off in ZooKeeper, too, unless configured
		return word + " is not executed because it is not in the whitelist.\n", true
	}
	var b strings.Builder
	s.mu.Lock()
	defer s.mu.Unlock()
	core := s.mu.core
	switch word {
	case "conf":
		s.writeConf(&b)
	case "stat":
		fmt.Fprintf(&b, "Zookeeper version: %s\nClients:\n", version)
		for _, c := range s.connsLocked() {
			c.describe(&b, true)
		}
		b.WriteString("\n")
		s.writeStats(&b)
	case "srvr":
		fmt.Fprintf(&b, "Zookeeper version: %s\n", version)
		s.writeStats(&b)
	case "mntr":
		s.writeMonitor(&b)
	case "cons":
		for _, c := range s.connsLocked() {
			c.describe(&b, false)
		}
		b.WriteString("\n")
	case "dump":
		core.dump(&b, s.now())
	case "wchs":
		watches, paths, clients := core.tree.watches.count(kindData)
		fmt.Fprintf(&b, "%d connections watching %d paths\nTotal watches:%d\n", clients, paths, watches)
	case "srst":
		core.stats = serverStats{}
		b.WriteString("Server stats reset.\n")
	case "crst":
		for _, c := range s.mu.conns {
			c.client.stats = clientStats{establishedMs: c.client.stats.establishedMs, lastXid: -1}
		}
		b.WriteString("Connection stats reset.\n")
	default:
		return "", false
	}
	return b.String(), true
}

func (s *Server) connsLocked() []*conn {
	return slices.SortedFunc(maps.Values(s.mu.conns), func(a, b *conn) int {
		return strings.Compare(a.net.RemoteAddr().String(), b.net.RemoteAddr().String())
	})
}

// describe writes the line of a connection in stat (brief) and cons.
func (c *conn) describe(b *strings.Builder, brief bool) {
	st := &c.client.stats
	fmt.Fprintf(b, " /%s[1](queued=%d,recved=%d,sent=%d", c.net.RemoteAddr(), c.client.waiting, st.received, st.sent)
	if se := c.client.session; se != nil && !brief {
		fmt.Fprintf(b, ",sid=0x%x,lop=%s,est=%d,to=%d", uint64(se.id), cmp.Or(st.lastOp, "NA"), st.establishedMs, se.timeoutMs)
		if st.lastXid >= 0 {
			fmt.Fprintf(b, ",lcxid=0x%x", st.lastXid)
		}
		fmt.Fprintf(b, ",lzxid=0x%x,lresp=%d,llat=%d,minlat=%d,avglat=%d,maxlat=%d", uint64(st.lastZxid), st.lastResponseMs,
			st.lastLatencyMs, st.latency.least, st.latency.average(), st.latency.most)
	}
	b.WriteString(")\n")
}

// nodeCount counts the root twice: ZooKeeper does, and monitoring has thresholds on it.
func (t *tree) nodeCount() int { return len(t.nodes) + 1 }

func (s *Server) writeStats(b *strings.Builder) {
	core := s.mu.core
	st := &core.stats
	fmt.Fprintf(b, "Latency min/avg/max: %d/%d/%d\n", st.latency.least, st.latency.average(), st.latency.most)
	fmt.Fprintf(b, "Received: %d\nSent: %d\nConnections: %d\n", st.received, st.sent, len(s.mu.conns))
	fmt.Fprintf(b, "Outstanding: %d\nZxid: 0x%x\nMode: standalone\nNode count: %d\n",
		len(core.queue), uint64(core.tree.lastZxid), core.tree.nodeCount())
}

// writeMonitor is the answer to mntr, with the keys of ZooKeeper 3.5.
func (s *Server) writeMonitor(b *strings.Builder) {
	core := s.mu.core
	st := &core.stats
	data, _, _ := core.tree.watches.count(kindData)
	child, _, _ := core.tree.watches.count(kindChild)
	for _, kv := range []struct {
		key   string
		value any
	}{
		{"version", version},
		{"avg_latency", st.latency.average()},
		{"max_latency", st.latency.most},
		{"min_latency", st.latency.least},
		{"packets_received", st.received},
		{"packets_sent", st.sent},
		{"num_alive_connections", len(s.mu.conns)},
		{"outstanding_requests", len(core.queue)},
		{"server_state", "standalone"},
		{"znode_count", core.tree.nodeCount()},
		{"watch_count", data + child},
		{"ephemerals_count", core.tree.ephemeralCount()},
		{"approximate_data_size", core.tree.dataBytes + int64(len(core.tree.nodes["/"].data))},
		{"fsync_threshold_exceed_count", 0},
	} {
		fmt.Fprintf(b, "zk_%s\t%v\n", kv.key, kv.value)
	}
}

// writeConf is the answer to conf.
func (s *Server) writeConf(b *strings.Builder) {
	o := &s.options
	port := 0
	if a, ok := s.Addr().(*net.TCPAddr); ok {
		port = a.Port
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		dir = o.Dir
	}
	fmt.Fprintf(b, "clientPort=%d\ndataDir=%s\ndataLogDir=%s\n", port, dir, dir)
	fmt.Fprintf(b, "tickTime=%d\nmaxClientCnxns=%d\n", o.TickTime.Milliseconds(), max(o.MaxClientCnxns, 0))
	fmt.Fprintf(b, "minSessionTimeout=%d\nmaxSessionTimeout=%d\nserverId=0\n",
		o.MinSessionTimeout.Milliseconds(), o.MaxSessionTimeout.Milliseconds())
}

// dump lists the sessions by when they expire, and who owns which ephemeral nodes.
func (c *core) dump(b *strings.Builder, now instant) {
	fmt.Fprintf(b, "SessionTracker dump:\nSession Sets (%d):\n", len(c.sessions.buckets))
	for _, expires := range slices.Sorted(maps.Keys(c.sessions.buckets)) {
		bucket := c.sessions.buckets[expires]
		// Buckets are on the monotonic clock, and people want the wall.
		at := time.UnixMilli(now.wallMs + expires - now.elapsedMs)
		fmt.Fprintf(b, "%d expire at %s:\n", len(bucket), at.Format("Mon Jan 02 15:04:05 MST 2006"))
		var ids []int64
		for s := range bucket {
			ids = append(ids, s.id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			fmt.Fprintf(b, "\t0x%x\n", uint64(id))
		}
	}
	fmt.Fprintf(b, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n", len(c.tree.ephemerals))
	for _, id := range slices.Sorted(maps.Keys(c.tree.ephemerals)) {
		fmt.Fprintf(b, "0x%x:\n", uint64(id))
		for _, path := range slices.Sorted(maps.Keys(c.tree.ephemerals[id])) {
			fmt.Fprintf(b, "\t%s\n", path)
		}
	}
}

// environment has the keys of ZooKeeper's envi that mean something here.
func environment() string {
	var b strings.Builder
	b.WriteString("Environment:\n")
	or := func(s string, err error) string {
		if err != nil || s == "" {
			return "<NA>"
		}
		return s
	}
	for _, kv := range [][2]string{
		{"zookeeper.version", version},
		{"host.name", or(os.Hostname())},
		{"go.version", runtime.Version()},
		{"os.name", runtime.GOOS},
		{"os.arch", runtime.GOARCH},
		{"user.home", or(os.UserHomeDir())},
		{"user.dir", or(os.Getwd())},
	} {
		fmt.Fprintf(&b, "%s=%s\n", kv[0], kv[1])
	}
	return b.String()
}
