package network

import (
	"encoding/binary"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// largestHello is how much of a client's hello is waited for: most are below 1 KB.
const largestHello = 4 << 10

// waitHello waits until the first record of TLS is here as a whole, or what is here will never be
// one, or the client has ended its side. It holds nothing but its stack meanwhile, so that who
// stalls in the middle of a hello costs no more than who says nothing. receiveBuffer is
// socket.receive.buffer.bytes: a small one might not take a whole hello.
func waitHello(conn net.Conn, receiveBuffer int32) error {
	if !takesHello(receiveBuffer) {
		return waitReadable(conn)
	}
	return readRaw(conn, helloArrived)
}

// takesHello reports whether a receive buffer has room for a whole hello. The kernel's bookkeeping
// takes a part of it: a hello that never fits would be waited for until the idle limit.
func takesHello(receiveBuffer int32) bool {
	return receiveBuffer < 0 || receiveBuffer >= 4*largestHello
}

// helloArrived looks at what has arrived without taking it.
func helloArrived(fd uintptr) bool {
	var head [5]byte // type, version, length
	n, _, err := syscall.Recvfrom(int(fd), head[:], syscall.MSG_PEEK)
	switch {
	case err == syscall.EAGAIN:
		return false
	case err == syscall.EINTR:
		return helloArrived(fd)
	case err != nil || n == 0 || head[0] != 22: // a handshake
		return true
	}
	if n == len(head) {
		whole := len(head) + int(binary.BigEndian.Uint16(head[3:]))
		here, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		if err != nil || here >= whole || whole > largestHello {
			return true
		}
	}
	return ended(fd) // nothing more will come
}

// ended reports whether the peer has ended its side, whatever is still to be read.
func ended(fd uintptr) bool {
	poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(poll[:], 0)
	return err == nil && n > 0
}

// hungUp reports whether a client that has said hello has gone: nothing is computed for it.
func hungUp(conn net.Conn) (gone bool) {
	return onSocket(conn, func(fd uintptr) { gone = ended(fd) }) && gone
}

// left reports whether a client that was waited for has gone: nothing is to be read from him, or it is
// a hello to which he waits for no answer.
func (c *Conn) left() (yes bool) {
	return onSocket(c.base, func(fd uintptr) {
		if yes = ended(fd); yes && c.tls == nil {
			here, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
			yes = err != nil || here == 0
		}
	}) && yes
}

// onSocket calls f for the socket of a connection, unless that is closed, or there is none.
func onSocket(conn net.Conn, f func(fd uintptr)) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	return err == nil && raw.Control(f) == nil
}
