package network

// readSome reads at least one byte into p. TLS gives the last bytes together with the end of the
// connection, which comes again with the next call.
func (c *Conn) readSome(p []byte) (int, error) {
	n, err := c.nc.Read(p)
	if n > 0 {
		return n, nil
	}
	return n, err
}

// readFirstPlain waits for the first bytes of a frame on a connection that is not plain TCP, whose
// own layer buffers.
func (c *Conn) readFirstPlain(want int) (*buffer, int, error) {
	var first [4]byte
	n, err := c.readSome(first[:])
	if err != nil {
		return nil, 0, err
	}
	buf, err := c.newFrame(want, 0)
	if err != nil {
		return nil, 0, err
	}
	return buf, copy(buf.b, first[:n]), nil
}
