//go:build unix && !(linux && (amd64 || arm64) && !race)

package network

import (
	"syscall" // its Read, unlike that of x/sys, tells the race detector what happens before what
)

// readSocket is one read from a socket that does not block.
func readSocket(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }
