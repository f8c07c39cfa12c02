package command

import (
	"errors"
	"syscall"
)

// isAddrInUse reports whether err is that a port is taken; the number is Winsock's WSAEADDRINUSE,
// which package syscall has no name for.
func isAddrInUse(err error) bool {
	const wsaeaddrinuse = syscall.Errno(10048)
	return errors.Is(err, wsaeaddrinuse)
}
