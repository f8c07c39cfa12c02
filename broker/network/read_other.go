//go:build !unix

package network

func (c *Conn) readFirst(want int) (*buffer, int, error) { return c.readFirstPlain(want) }
