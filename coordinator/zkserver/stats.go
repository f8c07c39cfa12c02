package zkserver

// latencies sums up how long requests took, in milliseconds.
type latencies struct{ count, total, least, most int64 }

func (l *latencies) add(ms int64) {
	if l.count == 0 || ms < l.least {
		l.least = ms
	}
	l.most = max(l.most, ms)
	l.total += ms
	l.count++
}

func (l *latencies) average() int64 {
	if l.count == 0 {
		return 0
	}
	return l.total / l.count
}

// serverStats are the counters that stat, srvr and mntr show.
type serverStats struct {
	latency        latencies
	received, sent int64
	expired        int64 // sessions
	logSyncs       int64
}

// clientStats are the counters that cons shows of a connection.
type clientStats struct {
	latency        latencies
	received, sent int64
	establishedMs  int64 // wall clock
	lastResponseMs int64 // wall clock
	lastLatencyMs  int64
	lastZxid       int64
	lastOp         string
	lastXid        int32 // -1 before the first
}

func (c *core) countReceived(cl *client) {
	cl.stats.received++
	c.stats.received++
}

// answered counts an answer that is about to be sent.
func (c *core) answered(cl *client, now, received instant, op opcode, xid int32) {
	ms := max(now.elapsedMs-received.elapsedMs, 0)
	c.stats.latency.add(ms)
	s := &cl.stats
	s.latency.add(ms)
	s.lastLatencyMs = ms
	s.lastResponseMs = now.wallMs
	s.lastOp = op.lastOp()
	if xid >= 0 { // not those of pings and setWatches
		s.lastXid = xid
	}
	s.lastZxid = c.tree.lastZxid
}
