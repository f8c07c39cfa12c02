package network

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
)

// smallRange is the size below which a range is read and sent with the bytes round it: one system
// call for many pieces instead of two a piece.
const smallRange = 16 << 10

// copyChunk is how much of a range is copied at a time when the kernel cannot send the file itself
// (TLS).
const copyChunk = 64 << 10

// maxGather bounds the bytes of small ranges that are gathered before they are sent.
const maxGather = 256 << 10

// fileRange is a Range that may be a piece of a file of the operating system.
type fileRange interface {
	// OSFile is the file and the position of the range in it; nil when there is none.
	OSFile() (f *os.File, pos int64)
}

// writer keeps what writing an answer needs from one call to the next.
type writer struct {
	segments [][]byte
	send     sendState
}

// write sends an answer.
func (c *Conn) write(out *Output) error {
	c.writing.Store(true)
	defer c.writing.Store(false)
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return c.writePieces(out)
	}
	// One write to the socket per answer, or per 128 KB of it: TLS would else write 16 KB at a
	// time.
	g := t.NetConn().(*gatedConn)
	g.cork()
	err := c.writePieces(out)
	if flushed := g.uncork(); err == nil {
		err = flushed
	}
	return err
}

// writePieces sends an answer: header and bodies from memory, ranges from their files.
func (c *Conn) writePieces(out *Output) error {
	w := &c.writer
	if len(out.pieces) == 0 {
		w.segments = append(w.segments[:0], out.B)
		err := c.writeSegments(w.segments, false)
		clear(w.segments)
		return err
	}
	var gathered []*buffer
	size := 0
	flush := func(more bool) error {
		var err error
		if len(w.segments) > 0 {
			err = c.writeSegments(w.segments, more)
		}
		clear(w.segments)
		w.segments, size = w.segments[:0], 0
		for _, b := range gathered {
			c.srv.pool.put(b)
		}
		gathered = gathered[:0]
		return err
	}
	from := 0
	for i := range out.pieces {
		p := &out.pieces[i]
		if p.at > from {
			w.segments = append(w.segments, out.B[from:p.at])
			from = p.at
		}
		n := p.r.Len()
		f, pos := c.sendable(p.r)
		if n < smallRange || f == nil {
			for off := 0; off < n; {
				m := min(copyChunk, n-off)
				if size+m > maxGather {
					if err := flush(true); err != nil {
						return err
					}
				}
				b := c.srv.pool.get(m)
				gathered = append(gathered, b)
				if k, err := p.r.ReadAt(b.b[:m], int64(off)); k < m {
					_ = flush(false)
					return fmt.Errorf("read %d bytes of a range of %d at %d: %w", m, n, off, noEOF(err))
				}
				w.segments = append(w.segments, b.b[:m])
				size += m
				off += m
			}
		} else {
			if err := flush(true); err != nil {
				return err
			}
			if err := c.sendFile(f, pos, int64(n)); err != nil {
				return err
			}
		}
		p.r.Release()
		// It is given back as soon as it is sent; reset does it for what an error has left.
		p.r = nil
	}
	if from < len(out.B) {
		w.segments = append(w.segments, out.B[from:])
	}
	return flush(false)
}

// sendable finds the file that a range is in if this connection can send files.
func (c *Conn) sendable(r Range) (*os.File, int64) {
	if fr, ok := r.(fileRange); ok && c.canSendFiles() {
		return fr.OSFile()
	}
	return nil, 0
}

// writeBuffers writes slices of memory through the connection's own layer.
func (c *Conn) writeBuffers(segments [][]byte) error {
	switch len(segments) {
	case 0:
		return nil
	case 1:
		_, err := c.nc.Write(segments[0])
		return err
	}
	b := net.Buffers(segments)
	_, err := b.WriteTo(c.nc)
	return err
}

// noEOF makes the end of a file an error where the range said that there is more: the file was cut
// under the reader.
func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
