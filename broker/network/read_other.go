//go:build !unix

package network

import "net"

func (c *Conn) readFirst(want int) (*buffer, int, error) { return c.readFirstPlain(want) }

func waitReadable(net.Conn) error { return nil }
