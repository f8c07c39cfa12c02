package network

// readSome reads at least one byte into p.
func (c *Conn) readSome(p []byte) (int, error) { return c.nc.Read(p) }

// readFirstPlain waits for the first bytes of a frame on a connection that is not plain TCP, whose
// own layer buffers.
func (c *Conn) readFirstPlain(want int) (*buffer, int, error) {
	var first [4]byte
	n, err := c.nc.Read(first[:])
	if err != nil {
		return nil, 0, err
	}
	buf, err := c.newFrame(want, 0)
	if err != nil {
		return nil, 0, err
	}
	return buf, copy(buf.b, first[:n]), nil
}
