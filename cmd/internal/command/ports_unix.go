//go:build unix

package command

import (
	"errors"
	"syscall"
)

// isAddrInUse reports whether err is that a port is taken.
func isAddrInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
