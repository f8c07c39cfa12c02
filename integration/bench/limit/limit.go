//go:build linux && (amd64 || arm64)

// Package limit answers Produce requests with next to nothing but system calls: a thread a core asks
// which of its connections have something, reads frames, verifies the checksum of each batch, appends
// what has come for a partition to its file with one write, and answers. It knows no offsets, indexes,
// producers, replicas, quotas or rights, survives nothing, and trusts its clients. What it costs is
// what the kernel asks for the same bytes, which a broker that works so can come near to but not fall
// below.
package limit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/storage/record"
)

// receiveBuffer is socket.receive.buffer.bytes as Kafka ships it.
const receiveBuffer = 100 << 10

// server is what the threads share.
type server struct {
	addr  *net.TCPAddr
	files []appended
}

// appended is the file of a partition.
type appended struct {
	f    *os.File
	mu   sync.Mutex
	size int64 // guarded by mu
}

// Serve listens on addr and appends to one file a partition in dir, until the process ends. Every
// topic has those partitions. With together, all that has come to a thread's connections is read
// before it is written; else each request is written and answered when it is read.
func Serve(addr, dir string, partitions int, together bool) error {
	debug.SetGCPercent(-1) // nothing is allocated for a request
	s := &server{files: make([]appended, partitions)}
	for i := range s.files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return err
		}
		s.files[i].f = f
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s.addr = l.Addr().(*net.TCPAddr)
	threads := make([]*thread, runtime.NumCPU())
	for i := range threads {
		t := &thread{s: s, together: together, parts: make([][]unix.Iovec, partitions)}
		if t.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return err
		}
		threads[i] = t
		go t.run()
	}
	for i := 0; ; i++ {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		tcp := c.(*net.TCPConn)
		if err := tcp.SetReadBuffer(receiveBuffer); err != nil {
			return err
		}
		f, err := tcp.File() // a handle of its own
		if err != nil {
			return err
		}
		tcp.Close()
		fd := int(f.Fd())
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
		t := threads[i%len(threads)]
		t.conns.Store(int32(fd), &connection{f: f, fd: fd, buf: make([]byte, bufferSize), expect: 4})
		if err := unix.EpollCtl(t.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
}

const bufferSize = 1 << 20 // what a frame must fit into

// connection is one client, served by one thread.
type connection struct {
	f            *os.File
	fd           int
	buf, out     []byte
	have, expect int // bytes of the next frame that are there, or are wanted
	produce      protocol.ProduceRequest
	header       protocol.Header
}

// thread serves some of the connections.
type thread struct {
	s        *server
	epoll    int
	together bool
	conns    sync.Map // of *connection by handle
	ready    []*connection
	parts    [][]unix.Iovec // what is to be written, by partition
}

// errEnd is the orderly end of a connection.
var errEnd = errors.New("the client has closed the connection")

// run serves the thread's connections. It stays on one thread of the system, since its requests are
// few instructions each and a move to another core would cost more than they do.
func (t *thread) run() {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(t.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			panic(err)
		}
		for _, e := range events[:max(n, 0)] {
			v, _ := t.conns.Load(e.Fd)
			c := v.(*connection)
			if err := t.receive(c); err != nil {
				t.end(c, err)
				continue
			}
			if !t.together {
				t.write()
			}
		}
		t.write()
	}
}

// end closes a connection, and tells why if its client did not do it.
func (t *thread) end(c *connection, err error) {
	if err != errEnd {
		fmt.Fprintln(os.Stderr, "limit:", err)
	}
	t.conns.Delete(int32(c.fd))
	c.f.Close()
}

// receive reads until a request is there, or nothing more has come. The next frame is likely as
// large as the last one.
func (t *thread) receive(c *connection) error {
	for c.have < c.expect {
		n, err := call(syscall.SYS_READ, c.fd, c.buf[c.have:c.expect])
		if err == syscall.EAGAIN {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return errEnd
		}
		if c.have += n; c.have >= 4 {
			if c.expect = 4 + int(binary.BigEndian.Uint32(c.buf)); c.expect > len(c.buf) {
				return fmt.Errorf("frame of %d bytes", c.expect)
			}
		}
	}
	header, body, err := protocol.ParseHeader(c.buf[4:c.expect])
	if err != nil {
		return err
	}
	c.header = header
	switch header.Key {
	case protocol.Produce:
		if err := c.produce.Decode(header.Version, body); err != nil {
			return err
		}
		for _, p := range c.produce.Partitions {
			if p.Index < 0 || int(p.Index) >= len(t.parts) || len(p.Records) == 0 {
				return fmt.Errorf("%d bytes for partition %d", len(p.Records), p.Index)
			}
			if _, err := record.Analyze(p.Records, record.OriginClient, 0); err != nil {
				return err
			}
			v := unix.Iovec{Base: &p.Records[0]}
			v.SetLen(len(p.Records))
			t.parts[p.Index] = append(t.parts[p.Index], v)
		}
		t.ready = append(t.ready, c)
		return nil
	case protocol.Metadata:
		if c.out, err = t.s.metadata(c.begin(), header.Version, body); err != nil {
			return err
		}
		return c.answer()
	}
	return fmt.Errorf("request of API %d", header.Key)
}

// begin is the beginning of an answer: room for its size, and the header of the request's version.
func (c *connection) begin() []byte {
	return protocol.AppendResponseHeader(append(c.out[:0], 0, 0, 0, 0), c.header.Key, c.header.Version, c.header.CorrelationID)
}

// answer sends the answer and begins the next frame.
func (c *connection) answer() error {
	binary.BigEndian.PutUint32(c.out, uint32(len(c.out)-4))
	_, err := call(syscall.SYS_WRITE, c.fd, c.out)
	c.have = copy(c.buf, c.buf[c.expect:c.have])
	return err
}

// write appends what the ready connections have sent, and answers.
func (t *thread) write() {
	if len(t.ready) == 0 {
		return
	}
	for i, v := range t.parts {
		if len(v) > 0 {
			if err := t.s.files[i].append(v); err != nil {
				panic(err)
			}
			t.parts[i] = v[:0]
		}
	}
	for _, c := range t.ready {
		b := protocol.AppendArrayLen(c.begin(), len(c.produce.Topics))
		next := 0
		for _, topic := range c.produce.Topics {
			b = protocol.AppendArrayLen(protocol.AppendString(b, string(topic.Name)), topic.Count)
			for range topic.Count {
				b = protocol.AppendProducePartition(b, c.header.Version, &protocol.ProducePartitionResponse{Index: c.produce.Partitions[next].Index, LogAppendTime: -1})
				next++
			}
		}
		c.out = protocol.AppendThrottle(b, 0)
		if err := c.answer(); err != nil {
			t.end(c, err)
		}
	}
	t.ready = t.ready[:0]
}

// append writes at the end of the file.
func (f *appended) append(v []unix.Iovec) error {
	size := int64(0)
	for i := range v {
		size += int64(v[i].Len)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n, _, e := syscall.RawSyscall6(unix.SYS_PWRITEV, f.f.Fd(), uintptr(unsafe.Pointer(&v[0])), uintptr(len(v)), uintptr(f.size), 0, 0)
	if e != 0 {
		return e
	}
	if int64(n) != size {
		return fmt.Errorf("%d of %d bytes written", n, size)
	}
	f.size += size
	return nil
}

// call is a system call that does not tell the scheduler: descriptors are non-blocking, so that
// none of them takes long.
func call(number uintptr, fd int, b []byte) (int, error) {
	for {
		n, _, e := syscall.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch e {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.ECONNRESET, syscall.EPIPE:
			return 0, errEnd
		default:
			return 0, e
		}
	}
}

// metadata says that all partitions are here.
func (s *server) metadata(out []byte, version int16, body []byte) ([]byte, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(version)
	if err := req.ReadFrom(body); err != nil {
		return nil, err
	}
	resp := kmsg.NewPtrMetadataResponse()
	resp.SetVersion(version)
	b := kmsg.NewMetadataResponseBroker()
	b.Host, b.Port = s.addr.IP.String(), int32(s.addr.Port)
	resp.Brokers = append(resp.Brokers, b)
	for _, t := range req.Topics {
		rt := kmsg.NewMetadataResponseTopic()
		rt.Topic = t.Topic
		for i := range s.files {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Replicas, p.ISR = int32(i), []int32{0}, []int32{0}
			rt.Partitions = append(rt.Partitions, p)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp.AppendTo(out), nil
}
