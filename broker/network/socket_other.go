//go:build !unix

package network

import "syscall"

func setReceiveBuffer(syscall.RawConn, int) error { return nil }
