//go:build unix

package network

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// setReceiveBuffer sets the receive buffer of a listening socket, which accepted ones inherit.
func setReceiveBuffer(rc syscall.RawConn, n int) error {
	var err error
	if cerr := rc.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, n)
	}); cerr != nil {
		return cerr
	}
	return err
}
