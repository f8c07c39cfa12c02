//go:build interop

package differential

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	"momus/storage/record"
)

// framed is a request as it goes over the wire.
func framed(req kmsg.Request, version int16, correlation int32, client *string) []byte {
	req.SetVersion(version)
	h := header(req.Key(), version, correlation, client, req.IsFlexible())
	body := req.AppendTo(nil)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(h)+len(body)))
	return append(append(b, h...), body...)
}

// answers reads what comes, up to n frames, and says which correlation ids and sizes, and how it
// ended. Sizes of what differs by broker are left out by the caller's choice of requests.
func (c *conn) answers(n int) string {
	out := ""
	for range n {
		f, err := c.frame()
		if err != nil {
			return out + err.Error()
		}
		if len(f) < 4 {
			return out + fmt.Sprintf("%d bytes", len(f))
		}
		out += fmt.Sprintf("%d:%d ", int32(binary.BigEndian.Uint32(f)), len(f))
	}
	return out
}

// connectionCases are requests that come in pieces, many at once, half, or from nobody.
func connectionCases(s *session) {
	s.create("cn", 2)
	fresh := func(f func(c *conn)) {
		s.drop()
		c := s.conn()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		f(c)
		s.drop()
	}
	good := plain(2, record.None, 2).bytes()
	heartbeat := func(id int32) []byte { return framed(beat("none", "x", 1, nil), 0, id, str("c")) }
	send := func(acks int16, id int32, topic string) []byte {
		return framed(produce(acks, part{topic, 0, good}), 8, id, str("c"))
	}
	// A frame in pieces of each size.
	for _, size := range []int{1, 3, 4, 5, 11} {
		fresh(func(c *conn) {
			all := append(heartbeat(7), heartbeat(8)...)
			for len(all) > 0 {
				n := min(size, len(all))
				c.Write(all[:n])
				all = all[n:]
			}
			s.note(fmt.Sprintf("pieces of %d", size), c.answers(2))
		})
	}
	// Half a frame, and then the end of what the client sends.
	whole := heartbeat(9)
	for _, n := range []int{0, 2, 4, 8, len(whole) - 1, len(whole)} {
		fresh(func(c *conn) {
			c.Write(whole[:n])
			c.Conn.(*net.TCPConn).CloseWrite()
			rest, err := io.ReadAll(c)
			s.note(fmt.Sprintf("%d bytes and a half close", n), fmt.Sprintf("%d bytes %v", len(rest), err))
		})
	}
	// A good request and a half one, and the end.
	fresh(func(c *conn) {
		c.Write(append(heartbeat(1), whole[:10]...))
		s.note("one and a half, the first", c.answers(1))
		c.Conn.(*net.TCPConn).CloseWrite()
		rest, err := io.ReadAll(c)
		s.note("one and a half, the rest", fmt.Sprintf("%d bytes %v", len(rest), err))
	})
	// Requests of many kinds at once are answered in order; those with acks=0 are not.
	fresh(func(c *conn) {
		var all []byte
		n := 0
		for i := range int32(20) {
			if i%3 == 1 {
				all = append(all, send(0, 100+i, "cn")...)
				continue
			}
			n++
			if i%3 == 2 {
				all = append(all, send(1, 100+i, "cn")...)
				continue
			}
			all = append(all, heartbeat(100+i)...)
		}
		c.Write(all)
		s.note("pipelined with acks=0", c.answers(n))
	})
	// An acks=0 that fails closes the connection; what was asked before is answered.
	fresh(func(c *conn) {
		all := append(heartbeat(1), send(0, 2, "cn-unknown")...)
		c.Write(all)
		s.note("acks=0 that fails", c.answers(2))
	})
	fresh(func(c *conn) {
		all := append(heartbeat(1), send(0, 2, "cn")...)
		all = append(all, send(0, 3, "cn")...)
		all = append(all, heartbeat(4)...)
		c.Write(all)
		s.note("acks=0 that succeeds", c.answers(2))
	})
	fresh(func(c *conn) {
		c.Write(framed(produce(0, part{"cn", 0, patch(good, func(b []byte) { b[30] ^= 1 }, false)}), 8, 5, str("c")))
		s.note("acks=0 with a bad checksum", c.answers(1))
	})
	fresh(func(c *conn) {
		c.Write(framed(produce(0, part{"cn", 0, good}, part{"cn", 9, good}), 8, 5, str("c")))
		s.note("acks=0, one of two fails", c.answers(1))
	})
	fresh(func(c *conn) {
		c.Write(append(framed(produce(0), 8, 5, str("c")), heartbeat(6)...))
		s.note("acks=0 of nothing", c.answers(1))
	})
	for _, acks := range []int16{2, -2, 32767} {
		fresh(func(c *conn) {
			c.Write(append(framed(produce(acks, part{"cn", 0, good}), 8, 5, str("c")), heartbeat(6)...))
			s.note(fmt.Sprintf("acks=%d", acks), c.answers(2))
		})
	}
	// Correlation ids of all kinds.
	for _, id := range []int32{0, -1, 2147483647, -2147483648} {
		fresh(func(c *conn) {
			c.Write(append(heartbeat(id), heartbeat(id)...))
			s.note(fmt.Sprintf("correlation id %d twice", id), c.answers(2))
		})
	}
	// Client ids: null, empty, long, not UTF-8, with a bad length.
	long := string(make([]byte, 32767))
	for i, id := range []*string{nil, str(""), &long, str("\xff\xfe"), str("a\x00b"), str("=,:;/"), str("\U0001F600")} {
		fresh(func(c *conn) {
			c.Write(framed(beat("none", "x", 1, nil), 0, 3, id))
			s.note(fmt.Sprintf("client id %d", i), c.answers(1))
			c.Write(framed(&kmsg.FindCoordinatorRequest{CoordinatorKey: ""}, 3, 4, id))
			s.note(fmt.Sprintf("client id %d, flexible", i), c.answers(1))
		})
	}
	raw := func(label string, body []byte, n int) {
		fresh(func(c *conn) {
			c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
			s.note(label, c.answers(n))
		})
	}
	head := func(key, version int16, id int32, rest ...byte) []byte {
		b := binary.BigEndian.AppendUint16(nil, uint16(key))
		b = binary.BigEndian.AppendUint16(b, uint16(version))
		return append(binary.BigEndian.AppendUint32(b, uint32(id)), rest...)
	}
	raw("client id of -2 bytes", head(12, 0, 1, 0xff, 0xfe), 1)
	raw("client id longer than the frame", head(12, 0, 1, 0, 50, 'a'), 1)
	raw("header alone", head(12, 0, 1, 0xff, 0xff), 1)
	raw("header without tags", head(12, 4, 1, 0xff, 0xff), 1)
	raw("header with tags that do not end", head(12, 4, 1, 0xff, 0xff, 5), 1)
	raw("header with a tag count that does not end", head(12, 4, 1, 0xff, 0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80), 1)
	raw("tags that fall", append(head(16, 3, 1, 0xff, 0xff, 2, 5, 0, 3, 0), 0), 1)
	raw("tag twice", append(head(16, 3, 1, 0xff, 0xff, 2, 5, 0, 5, 0), 0), 1)
	raw("tag of -1 bytes", append(head(16, 3, 1, 0xff, 0xff, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f), 0), 1)
	// ApiVersions: bodies of all lengths in all versions, more than once, and later on.
	for _, v := range []int16{0, 1, 2, 3, 4, 127, -1} {
		for _, body := range [][]byte{nil, {0}, {0xff, 0xff}, {0xff, 0xff, 0}, {0xff, 0xff, 0, 0}, {0, 1, 'c'}, {0, 1, 'c', 0, 2, 'a', 2, '1', 0}, {0, 1, 'c', 0, 1, 1, 0}, {0, 1, 'c', 0, 0, 0, 0}, {0, 1, 'c', 0, 2, 'a', 2, '1', 0, 9}} {
			fresh(func(c *conn) {
				b := head(18, v, 11, body...)
				c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
				s.note(fmt.Sprintf("ApiVersions v%d with %x", v, body), c.versions())
			})
		}
	}
	fresh(func(c *conn) {
		for i := range int32(3) {
			req := kmsg.NewPtrApiVersionsRequest()
			req.ClientSoftwareName, req.ClientSoftwareVersion = "a", "1"
			c.Write(append(framed(req, int16(3-i), 20+i, str("x")), heartbeat(30+i)...))
			s.note("ApiVersions again", c.versions())
			s.note("beat between", c.answers(1))
		}
	})
	// Keys that are not, in the versions of old and new headers; requests of brokers that there are
	// none of in 2.5.
	for _, key := range []int16{48, 49, 50, 56, 60, 67, 74, 100, 255, 256, 32767, -1, -2, -32768} {
		for _, v := range []int16{0, 1, -1} {
			raw(fmt.Sprintf("key %d v%d", key, v), append(head(key, v, 1, 0, 1, 'c'), make([]byte, 20)...), 1)
		}
	}
	// What a browser or a TLS client says first.
	for _, first := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PING\r\n", "ruok", "\x00\x00\x00\x00"} {
		fresh(func(c *conn) {
			io.WriteString(c, first)
			s.note(fmt.Sprintf("%q", first), c.answers(1))
		})
	}
	s.whole("cn", 0)
}

// versions reads an answer to ApiVersions and says how it begins.
func (c *conn) versions() string {
	f, err := c.frame()
	if err != nil {
		return err.Error()
	}
	if len(f) < 7 {
		return fmt.Sprintf("%x", f)
	}
	return fmt.Sprintf("correlation id %d, error %d, next %x", binary.BigEndian.Uint32(f), binary.BigEndian.Uint16(f[4:]), f[6:10])
}

// limits are the settings of the brokers whose connections are few, short and narrow.
var limits = []string{"connections.max.idle.ms=1500", "socket.request.max.bytes=5000", "max.connections.per.ip=6", "queued.max.requests=4", "num.io.threads=2",
	"message.max.bytes=3000", "fetch.max.bytes=2000"}

// TestConnectionsLimitedAsInKafka compares what becomes of connections that are idle, too many, or
// ask for too much.
func TestConnectionsLimitedAsInKafka(t *testing.T) {
	zk := testkit.ZooKeeper(t, "zookeeper")
	kafka := &peer{name: "kafka", cluster: testkit.Kafka(t, 1, zk+"/kafka", limits...)}
	momus := &peer{name: "momus", cluster: testkit.Broker(t, 1, zk+"/momus", limits...)}
	var sessions [2]*session
	var wg sync.WaitGroup
	for i, p := range []*peer{kafka, momus} {
		p.addr = p.cluster.Bootstrap
		ready(t, p)
		sessions[i] = newSession(t, p)
		wg.Go(func() { play(sessions[i], scenario{"limits", limitCases}) })
	}
	wg.Wait()
	conclude(t, sessions)
}

// idles sends these bytes and then nothing more, and writes down how the connection ends and whether
// it does at about connections.max.idle.ms. A broker looks for idle connections now and then, so
// that it may be late.
func (s *session) idles(name string, sent ...byte) {
	c := s.conn()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if len(sent) > 0 {
		c.Write(sent)
	}
	begin := time.Now()
	s.note(name, fmt.Sprintf("%s early %v late %v", c.answers(1), time.Since(begin) < 1400*time.Millisecond, time.Since(begin) > 8*time.Second))
	s.drop()
}

func limitCases(s *session) {
	s.create("lim", 1)
	// Idle connections close after the time that is set, and not before; one that asks stays.
	s.with("idle", func() {
		s.idles("idle from the start")
	})
	s.with("idle after a request", func() {
		s.drop()
		s.quiet(0, &kmsg.ListGroupsRequest{})
		s.idles("idle after a request")
	})
	s.with("half a frame", func() {
		s.drop()
		s.idles("idle with half a frame", 0, 0, 0, 50, 0, 12)
	})
	// Frames up to the limit.
	for _, n := range []int32{4900, 4999, 5000, 5001, 5002, 100000, 2147483647} {
		s.with("frames", func() {
			s.drop()
			c := s.conn()
			c.SetDeadline(time.Now().Add(10 * time.Second))
			h := header(12, 0, 3, str("c"), false)
			b := binary.BigEndian.AppendUint32(nil, uint32(n))
			body := append(h, make([]byte, max32(0, min(n, 6000)-int32(len(h))))...)
			c.Write(append(b, body...))
			s.note(fmt.Sprintf("a frame of %d bytes", n), c.answers(1))
			s.drop()
		})
	}
	// Connections up to the limit of an address; those above are closed, and one that ends makes
	// room.
	var open []net.Conn
	accepted := func() bool {
		c, err := net.DialTimeout("tcp", s.peer.addr, 10*time.Second)
		if err != nil {
			s.fail("%v", err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		c.Write(framed(beat("none", "x", 1, nil), 0, 1, str("c")))
		if _, err := (&conn{Conn: c}).frame(); err != nil {
			c.Close()
			return false
		}
		open = append(open, c)
		return true
	}
	s.drop()
	// A connection counts until the broker has seen its end.
	fill := func(n int) {
		for i := 0; len(open) < n; i++ {
			if i > 500 {
				s.fail("%d connections of %d", len(open), n)
			}
			if !accepted() {
				pause()
			}
		}
	}
	fill(6)
	s.note("the seventh connection", fmt.Sprint(accepted()))
	open[0].Close()
	open = open[1:]
	fill(6)
	s.note("the seventh again", fmt.Sprint(accepted()))
	for _, c := range open {
		c.Close()
	}
	open = nil
	fill(1)
	open[0].Close()
	// Records and answers up to the limits.
	for _, size := range []int{2000, 2900, 2939, 2940, 2990, 3000, 4000} {
		b := batch{magic: 2, pid: -1, epoch: -1, seq: -1, time: then, records: []kv{{"", string(make([]byte, size))}}}
		s.drop()
		s.ask(fmt.Sprintf("a record of %d bytes", size), 8, produce(1, part{"lim", 0, b.bytes()}))
	}
	s.drop()
	for offset := range int64(4) {
		for _, max := range []int32{1, 1500, 2500, 1 << 20} {
			r := fetch("lim", 0, offset, max)
			s.ask(fmt.Sprintf("from %d max %d", offset, max), 11, r)
			r.MaxBytes = 1 << 30
			s.ask(fmt.Sprintf("from %d max %d of much", offset, max), 11, r)
		}
	}
}

func max32(a, b int32) int32 {
	if a > b {
		return a
	}
	return b
}
