//go:build unix

package network

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// listenConfig sets what accepted connections inherit from the listening socket, which saves each
// of them the calls. Go would set keep-alive for each, with times of its own: these are the system's,
// as in Java.
func listenConfig(l *Limits) net.ListenConfig {
	return net.ListenConfig{
		KeepAlive: -1,
		Control: func(_, _ string, rc syscall.RawConn) (err error) {
			set := func(fd uintptr, option int, n int32) {
				if n > 0 && err == nil {
					err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, int(n))
				}
			}
			if cerr := rc.Control(func(fd uintptr) {
				set(fd, unix.SO_RCVBUF, l.RecvBuffer)
				set(fd, unix.SO_SNDBUF, l.SendBuffer)
				set(fd, unix.SO_KEEPALIVE, 1)
			}); cerr != nil {
				return cerr
			}
			return err
		},
	}
}

// tune sets what a connection does not inherit: nothing.
func tune(*net.TCPConn, *Limits) {}
