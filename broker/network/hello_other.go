//go:build !linux

package network

import "net"

// waitHello waits until a client has spoken, or has ended.
func waitHello(conn net.Conn, _ int32) error { return waitReadable(conn) }

func hungUp(net.Conn) bool { return false }

func (c *Conn) left() bool { return false }
