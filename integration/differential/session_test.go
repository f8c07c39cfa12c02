//go:build interop

package differential

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// peer is one of the two brokers.
type peer struct {
	name    string
	cluster *testkit.Cluster
	addr    string
}

// step is one line of a transcript: what was sent and what came back.
type step struct{ label, answer string }

// session runs a scenario against one broker and writes the transcript.
type session struct {
	t         *testing.T
	peer      *peer
	steps     []step
	conns     map[string]*conn
	on        string // name of the connection in use
	names     *strings.Replacer
	pairs     []string      // values of this broker only, and what they are called in the transcript
	sequences map[int]int32 // the next sequence number of producers that a scenario numbers
	fatal     error
}

type conn struct {
	net.Conn
	next   int32
	client *string
}

const answerTime = 30 * time.Second

func newSession(t *testing.T, p *peer) *session {
	s := &session{t: t, peer: p, conns: map[string]*conn{}, on: "main"}
	_, port, _ := net.SplitHostPort(p.addr)
	s.call(port, "<port>")
	s.call(p.cluster.Dir, "<dir>")
	s.call(p.cluster.ZooKeeper, "<zookeeper>")
	return s
}

// call gives a value that only this broker has a name for the transcript.
func (s *session) call(value, name string) {
	if value == "" {
		return
	}
	s.pairs = append([]string{value, name}, s.pairs...)
	s.names = strings.NewReplacer(s.pairs...)
}

func (s *session) close() {
	for _, c := range s.conns {
		c.Close()
	}
}

// stop ends the scenario: what follows makes no sense.
type stop struct{ err error }

func (s *session) fail(format string, args ...any) {
	panic(stop{fmt.Errorf("%s: "+format, append([]any{s.peer.name}, args...)...)})
}

func (s *session) note(label, answer string) {
	s.steps = append(s.steps, step{label, s.names.Replace(answer)})
}

// with runs f on a connection of its own.
func (s *session) with(name string, f func()) {
	old := s.on
	s.on = name
	f()
	s.on = old
}

func (s *session) conn() *conn {
	if c := s.conns[s.on]; c != nil {
		return c
	}
	c, err := net.DialTimeout("tcp", s.peer.addr, 10*time.Second)
	if err != nil {
		s.fail("%v", err)
	}
	id := "differential"
	s.conns[s.on] = &conn{Conn: c, client: &id}
	return s.conns[s.on]
}

// clientID sets the client id of the connection in use; nil sends null.
func (s *session) clientID(id *string) { s.conn().client = id }

func (s *session) drop() {
	if c := s.conns[s.on]; c != nil {
		c.Close()
		delete(s.conns, s.on)
	}
}

// header is a request header as the version of the API has it.
func header(key, version int16, correlation int32, client *string, flexible bool) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	if key == 7 && version == 0 {
		return b
	}
	if client == nil {
		b = append(b, 0xff, 0xff)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(*client)))
		b = append(b, *client...)
	}
	if flexible {
		b = append(b, 0)
	}
	return b
}

// send writes one request. edit may change the body.
func (s *session) send(req kmsg.Request, edit func([]byte) []byte) *conn {
	c := s.conn()
	c.next++
	body := req.AppendTo(nil)
	if edit != nil {
		body = edit(body)
	}
	h := header(req.Key(), req.GetVersion(), c.next, c.client, req.IsFlexible())
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(h)+len(body)))
	frame = append(append(frame, h...), body...)
	c.SetDeadline(time.Now().Add(answerTime))
	c.Write(frame) // an error shows as a close when reading
	return c
}

var errClosed = errors.New("closed")

// frame reads one answer, errClosed if the broker closes instead.
func (c *conn) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		var ne net.Error
		if errors.As(err, &ne) && ne.Timeout() {
			return nil, errors.New("no answer")
		}
		return nil, errClosed
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c, b)
	return b, err
}

// receive reads and decodes the answer to req. A nil response comes with what happened instead.
func (s *session) receive(c *conn, req kmsg.Request) (kmsg.Response, error) {
	b, err := c.frame()
	if err != nil {
		s.drop()
		return nil, err
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	head := 4
	if resp.IsFlexible() && req.Key() != 18 {
		head = 5
	}
	if len(b) < head || int32(binary.BigEndian.Uint32(b)) != c.next {
		return nil, fmt.Errorf("answer with a bad header: % x", b[:min(len(b), 16)])
	}
	if req.Key() == 18 && (len(b) >= 6 && binary.BigEndian.Uint16(b[4:]) == 35) {
		resp.SetVersion(0)
	}
	if err := resp.ReadFrom(b[head:]); err != nil {
		return nil, fmt.Errorf("answer that does not decode: %v: % x", err, b)
	}
	if again := resp.AppendTo(nil); len(again) != len(b)-head {
		return resp, fmt.Errorf("answer of %d bytes takes %d", len(b)-head, len(again))
	}
	return resp, nil
}

// quiet asks without writing the transcript and fails the scenario on anything but an answer.
func (s *session) quiet(version int16, req kmsg.Request) kmsg.Response {
	req.SetVersion(version)
	resp, err := s.receive(s.send(req, nil), req)
	if err != nil {
		s.fail("%s v%d: %v", kmsg.NameForKey(req.Key()), version, err)
	}
	return resp
}

// ask sends a request and writes the answer into the transcript; nil if the broker closed the
// connection.
func (s *session) ask(label string, version int16, req kmsg.Request) kmsg.Response {
	return s.edited(label, version, req, nil)
}

// edited is ask with a body that edit has changed.
func (s *session) edited(label string, version int16, req kmsg.Request, edit func([]byte) []byte) kmsg.Response {
	req.SetVersion(version)
	resp, err := s.receive(s.send(req, edit), req)
	s.record(label, req, resp, err)
	return resp
}

func (s *session) record(label string, req kmsg.Request, resp kmsg.Response, err error) {
	label = fmt.Sprintf("%s v%d %s", kmsg.NameForKey(req.Key()), req.GetVersion(), label)
	text := ""
	if resp != nil {
		text = s.dump(resp)
	}
	if err != nil {
		text += "\n(" + err.Error() + ")"
	}
	s.note(label, text)
}

// pending is a request whose answer is awaited later.
type pending struct {
	s     *session
	label string
	on    string
	req   kmsg.Request
	c     *conn
}

// start sends a request on a connection of its own.
func (s *session) start(on, label string, version int16, req kmsg.Request) *pending {
	p := &pending{s: s, label: label, on: on, req: req}
	req.SetVersion(version)
	s.with(on, func() { p.c = s.send(req, nil) })
	return p
}

// wait awaits the answer without writing it down.
func (p *pending) wait() (resp kmsg.Response) {
	p.s.with(p.on, func() {
		var err error
		if resp, err = p.s.receive(p.c, p.req); resp == nil {
			p.s.fail("%s %s: %v", kmsg.NameForKey(p.req.Key()), p.label, err)
		}
	})
	return resp
}

// show writes an answer that was awaited down.
func (p *pending) show(resp kmsg.Response) { p.s.record(p.label, p.req, resp, nil) }
