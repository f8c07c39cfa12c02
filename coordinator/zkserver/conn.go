package zkserver

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// conn is one connection: a goroutine that reads frames and hands them to the core in order, and
// one that writes.
type conn struct {
	client client // guarded by the server's lock
	server *Server
	net    net.Conn
	raw    net.Conn  // net without TLS: closing it waits for nobody
	secure *tls.Conn // net, when it speaks TLS
	host   string    // the address without the port

	mu struct {
		sync.Mutex
		out     []byte
		changed *sync.Cond // out, closing or aborted
		closing bool       // what is in out goes out, then the connection is closed
		aborted bool       // the connection is closed already
	}
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, net: nc, raw: nc, host: nc.RemoteAddr().String()}
	// The address as the scheme ip has it: without the zone, and IPv4 as such on a socket for both.
	if address, err := netip.ParseAddrPort(c.host); err == nil {
		c.host = address.Addr().Unmap().String()
	}
	c.client.auth = []ID{{"ip", c.host}}
	c.mu.changed = sync.NewCond(&c.mu)
	return c
}

// send queues a frame, and the end of the connection after it; it does not wait.
func (c *conn) send(frame []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closing || c.mu.aborted {
		return
	}
	c.mu.out = append(c.mu.out, frame...)
	if last {
		c.mu.closing = true
		c.net.SetWriteDeadline(time.Now().Add(time.Second)) // a client that does not read is not waited for
	}
	c.mu.changed.Broadcast()
}

// abort closes the connection at once.
func (c *conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.aborted {
		c.mu.aborted = true
		c.raw.Close()
	}
	c.mu.changed.Broadcast()
}

// ended says that nothing more is to be read.
func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.closing || c.mu.aborted
}

// roomToAnswer waits while the client does not take its answers.
func (c *conn) roomToAnswer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.mu.out) > maxUnsent && !c.mu.closing && !c.mu.aborted {
		c.mu.changed.Wait()
	}
}

// write sends what is queued until the connection ends.
func (c *conn) write() {
	defer c.abort()
	var buf []byte
	for {
		c.mu.Lock()
		for len(c.mu.out) == 0 && !c.mu.closing && !c.mu.aborted {
			c.mu.changed.Wait()
		}
		if c.mu.aborted || len(c.mu.out) == 0 {
			c.mu.Unlock()
			return
		}
		// The two buffers take turns: what was written is filled next.
		buf, c.mu.out = c.mu.out, buf[:0]
		c.mu.changed.Broadcast()
		c.mu.Unlock()
		if _, err := c.net.Write(buf); err != nil {
			return
		}
		// A large answer's buffer is not kept for each connection.
		if cap(buf) > 64<<10 {
			buf = nil
		}
	}
}

// connectTimeout bounds how long a connection may stay silent before its connect request.
const connectTimeout = 30 * time.Second

// read handles frames until the connection ends.
func (c *conn) read() {
	defer c.server.unregister(c)
	defer c.finish()
	defer c.server.boundPanic(c)
	r := bufio.NewReaderSize(c.net, 4<<10)
	c.net.SetReadDeadline(time.Now().Add(connectTimeout))
	if !c.handshake() {
		return
	}
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return
	}
	// A length of four letters would be above 1.6 GB: there is no confusion.
	if answer, ok := c.server.fourLetterWord(string(length[:])); ok {
		c.send([]byte(answer), true)
		return
	}
	frame, err := c.readFrame(r, length, nil)
	if err != nil {
		return
	}
	if kafkaRequest(frame) {
		c.server.meetKafka(c.host)
		return
	}
	connect, err := decodeConnectRequest(frame)
	if err != nil || !c.server.connect(c, connect) {
		return
	}
	// The first deadline covers handshake and connect request together.
	c.net.SetReadDeadline(time.Time{}) // from here on its session's timeout counts
	for {
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return
		}
		if frame, err = c.readFrame(r, length, frame); err != nil {
			return
		}
		// Before the request and not after: its answer has to find room.
		c.roomToAnswer()
		if c.ended() || !c.server.request(c, frame) {
			return
		}
		if cap(frame) > 16<<10 {
			frame = nil
		}
	}
}

// kafkaRequest reports whether the first frame of a connection is a request of Kafka's protocol:
// where ZooKeeper has the version of its protocol, which is 0, Kafka has the number of an API and
// its version.
func kafkaRequest(frame []byte) bool {
	if len(frame) < 10 {
		return false
	}
	// Version 0 of Produce, API 0, would look like ZooKeeper; no client begins with that.
	api, version := binary.BigEndian.Uint16(frame), binary.BigEndian.Uint16(frame[2:])
	return (api != 0 || version != 0) && api < 100 && version < 32
}

// meetKafka says, once, that a Kafka client has come to the wrong port.
func (s *Server) meetKafka(host string) {
	s.kafkaMet.Do(func() {
		text := "a Kafka client has connected to this port, which speaks ZooKeeper's protocol; give it a broker's address"
		if s.options.Kafka != "" {
			text += ": " + s.options.Kafka
		}
		s.logger.WithField("client", host).Warn(text)
	})
}

// handshake makes the TLS handshake, within the time that the deadline leaves. A certificate of the
// client is a login.
func (c *conn) handshake() bool {
	if c.secure == nil {
		return true
	}
	if err := c.secure.Handshake(); err != nil {
		c.server.logger.WithError(err).WithField("client", c.host).Info("TLS handshake failed")
		return false
	}
	subject := c.server.options.Subject
	if certificates := c.secure.ConnectionState().PeerCertificates; subject != nil && len(certificates) > 0 {
		c.server.identify(c, ID{"x509", subject(certificates[0])})
	}
	return true
}

// readFrame reads a frame of the given length into buf, which it may replace. A hostile length
// costs no memory before its bytes have come.
func (c *conn) readFrame(r *bufio.Reader, length [4]byte, buf []byte) ([]byte, error) {
	// Signed, so that a hostile length is negative.
	n := int64(int32(binary.BigEndian.Uint32(length[:])))
	if n < 0 || n > int64(c.server.options.MaxBuffer) {
		c.server.logger.WithField("client", c.host).WithField("length", n).Warn("closed a connection: not a request, or one above jute.maxbuffer")
		return nil, io.ErrUnexpectedEOF
	}
	if n <= int64(cap(buf)) || n <= 16<<10 {
		if int64(cap(buf)) < n {
			buf = make([]byte, n, max(n, 512))
		}
		buf = buf[:n]
		_, err := io.ReadFull(r, buf)
		return buf, err
	}
	// ReadAll grows as bytes come.
	buf, err := io.ReadAll(io.LimitReader(r, n))
	if err == nil && int64(len(buf)) < n {
		err = io.ErrUnexpectedEOF
	}
	return buf, err
}

// finish ends the connection from the reader's side: answers that wait for their end still go out,
// others need not.
func (c *conn) finish() {
	c.mu.Lock()
	closing := c.mu.closing
	c.mu.Unlock()
	if !closing {
		c.abort()
	}
}
