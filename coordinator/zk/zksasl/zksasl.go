// Package zksasl logs connections to ZooKeeper in by SASL, underneath a client library that has
// none: a net.Conn given to the library's dialer. It knows ZooKeeper's frames and nothing else of
// momus, starts no goroutine, and keeps nothing between connections.
//
// ZooKeeper takes SASL packets at any time after the ConnectRequest, once a connection. The library
// sends that request first and then reads the answer. So the first Read takes the whole
// ConnectResponse off the socket, makes the exchange, and only then lets the library see the
// response: every connection, the first and those after a loss, is logged in before anything is
// asked on it, watches that are set again included.
package zksasl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Exchange is one run of a SASL mechanism.
type Exchange interface {
	// First gives the first token, which may be empty.
	First() ([]byte, error)
	// Next takes a token of the server and gives the answer; done reports that there is none. token
	// is nil when the server sends none, which some mechanisms end with.
	Next(token []byte) (answer []byte, done bool, err error)
}

// Mechanism begins an exchange with the server at an address (host:port, the name as configured).
type Mechanism func(address string) (Exchange, error)

// Options of a Dialer. Mechanism is required.
type Options struct {
	Mechanism Mechanism
	// Timeout bounds one exchange; 5 s when 0. It has to be below the session's timeout.
	Timeout time.Duration
	// Result is told how each exchange ended: nil, an error of errors.Is ErrUnsupported (the
	// connection goes on without a login), or another (it is closed). It is called from Read.
	Result func(address string, err error)
}

// Errors of exchanges.
var (
	// ErrUnsupported says that the server has no SASL set up. The connection stays, as nobody; what
	// needs a login is refused then, request by request.
	ErrUnsupported = errors.New("the server has no SASL set up")
	// ErrRefused says that the server closed the connection on the credentials; it gives no reason
	// to a client.
	ErrRefused = errors.New("the server closed the connection without a reason, which is what it does with an unknown user or a wrong password")
)

// DialFunc is a dialer as ZooKeeper libraries take it.
type DialFunc = func(network, address string, timeout time.Duration) (net.Conn, error)

// Dialer gives dial's connections a login.
func Dialer(dial DialFunc, o Options) DialFunc {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	return func(network, address string, timeout time.Duration) (net.Conn, error) {
		conn, err := dial(network, address, timeout)
		if err != nil {
			return nil, err
		}
		return &saslConn{Conn: conn, address: address, options: o}, nil
	}
}

const (
	opSASL = 102
	// firstXid is beyond what a library counts up to.
	firstXid   = 0x7ffffff0
	maxRounds  = 8
	maxFrame   = 4 << 20 // a library's own bound
	replyBytes = 16      // xid, zxid and error of a reply
)

// saslConn is read by one goroutine, that of the library.
type saslConn struct {
	net.Conn
	address string
	options Options
	ready   bool
	kept    bytes.Buffer // frames for the library that were read before it asked for them
	err     error        // of the exchange; the connection is closed
}

// Read logs in before the first byte is read: by then the library has sent its connect request.
func (c *saslConn) Read(p []byte) (int, error) {
	if !c.ready {
		c.ready = true
		c.err = c.logIn()
	}
	if c.err != nil {
		return 0, c.err
	}
	if c.kept.Len() > 0 {
		return c.kept.Read(p)
	}
	return c.Conn.Read(p)
}

// logIn reads the ConnectResponse and makes the exchange unless the session has expired.
func (c *saslConn) logIn() error {
	response, err := c.readFrame()
	if err != nil {
		return err // before anything was said: not of SASL's making
	}
	c.keep(response)
	if len(response) < 8 || binary.BigEndian.Uint32(response[4:]) == 0 {
		return nil // expired: the server closes this connection, and the library must see why
	}
	c.Conn.SetDeadline(time.Now().Add(c.options.Timeout))
	err = c.exchange()
	c.Conn.SetDeadline(time.Time{})
	if err != nil {
		err = fmt.Errorf("SASL login at ZooKeeper server %s: %w", c.address, err)
	}
	if c.options.Result != nil {
		c.options.Result(c.address, err)
	}
	if err != nil && !errors.Is(err, ErrUnsupported) {
		c.Conn.Close()
		return err
	}
	return nil
}

// exchange goes through the rounds of a mechanism, with requests of their own numbers, which the
// library never uses.
func (c *saslConn) exchange() error {
	x, err := c.options.Mechanism(c.address)
	if err != nil {
		return err
	}
	token, err := x.First()
	if err != nil {
		return err
	}
	for round := range maxRounds {
		answer, err := c.ask(int32(firstXid+round), token)
		if err != nil {
			if round > 0 && closed(err) {
				return ErrRefused
			}
			return err
		}
		if answer == nil && round == 0 {
			return ErrUnsupported
		}
		var done bool
		if token, done, err = x.Next(answer); err != nil || done {
			return err
		}
	}
	return errors.New("the exchange does not end")
}

// closed reports whether err is the other side's end of the connection.
func closed(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) && !op.Timeout()
}

// ask sends a token and reads the server's; frames that are no answer to it are kept for the
// library.
func (c *saslConn) ask(xid int32, token []byte) ([]byte, error) {
	b := make([]byte, 4, 16+len(token))
	b = binary.BigEndian.AppendUint32(b, uint32(xid))
	b = binary.BigEndian.AppendUint32(b, opSASL)
	b = binary.BigEndian.AppendUint32(b, uint32(len(token)))
	b = append(b, token...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if _, err := c.Conn.Write(b); err != nil {
		return nil, err
	}
	for {
		frame, err := c.readFrame()
		if err != nil {
			return nil, err
		}
		if len(frame) < replyBytes || int32(binary.BigEndian.Uint32(frame)) != xid {
			c.keep(frame)
			continue
		}
		if code := int32(binary.BigEndian.Uint32(frame[12:])); code != 0 {
			return nil, fmt.Errorf("the server answers with error %d", code)
		}
		return replyToken(frame[replyBytes:])
	}
}

// replyToken reads the token of a reply, nil for none.
func replyToken(body []byte) ([]byte, error) {
	if len(body) < 4 {
		return nil, io.ErrUnexpectedEOF
	}
	n := int32(binary.BigEndian.Uint32(body))
	if n == -1 {
		return nil, nil
	}
	if n < 0 || int(n) > len(body)-4 {
		return nil, io.ErrUnexpectedEOF
	}
	return body[4 : 4+n : 4+n], nil
}

// readFrame reads a frame without its length.
func (c *saslConn) readFrame() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.Conn, length[:]); err != nil {
		return nil, err
	}
	n := int32(binary.BigEndian.Uint32(length[:]))
	if n < 0 || n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes: this is not ZooKeeper", n)
	}
	frame, err := io.ReadAll(io.LimitReader(c.Conn, int64(n))) // grows with what comes, not with what is announced
	if err == nil && len(frame) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return frame, err
}

func (c *saslConn) keep(frame []byte) {
	c.kept.Write(binary.BigEndian.AppendUint32(nil, uint32(len(frame))))
	c.kept.Write(frame)
}
