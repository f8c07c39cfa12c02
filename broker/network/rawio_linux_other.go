//go:build linux && !((amd64 || arm64) && !race)

package network

import "syscall" // it tells the race detector what happens before what

// msgMore is MSG_MORE of Linux.
const msgMore = 0x8000

// writeSocket is one write of the first slice to a socket that does not block; more says that the
// answer goes on behind the last one.
func writeSocket(fd uintptr, _ *vectors, segments [][]byte, more bool) (int, error) {
	flags := syscall.MSG_NOSIGNAL
	if more || len(segments) > 1 {
		flags |= msgMore
	}
	return syscall.SendmsgN(int(fd), segments[0], nil, nil, flags)
}

type vectors struct{}

// sendOnce is one sendfile to a socket that does not block.
func (s *sendState) sendOnce(fd uintptr) (int, error) {
	return syscall.Sendfile(int(fd), s.fd, &s.offset, int(min(s.left, 0x7ffff000)))
}

type probe struct{ cachedTo int64 }
