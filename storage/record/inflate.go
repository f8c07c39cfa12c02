package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"momus/storage/record/internal/gunzip"

	"github.com/klauspost/compress/zstd"
)

// DefaultMaxDecompressed is the limit of a Decoder that was given none: 256 MiB of payload in one
// batch. Kafka has no limit.
const DefaultMaxDecompressed = 256 << 20

// maxRatio lifts the limit for very large batches: payload may always be this many times the
// compressed size.
const maxRatio = 32

// Sizes of the pieces in which a payload is decompressed, in bytes.
const (
	zstdAllLimit = 8 << 20   // a zstd payload (or window) up to here is decoded in one go, a larger one is streamed
	zstdWindow   = 32 << 20  // the largest window that is streamed; Kafka's clients use 2 MiB, level 19 of other ones 8 MiB
	zstdChunk    = 128 << 10 // zstd streamed: the largest block of the format
	keepBuffer   = 4 << 20   // larger buffers are not put back into the pool
)

// Decoder holds pools of buffers and decompressors and bounds what a batch may decompress to. It is
// safe for concurrent use; a nil *Decoder is a shared one with the default limit.
type Decoder struct {
	maxBytes int
	ratio    int       // payload may always be so many times as large as what it is compressed to
	pool     sync.Pool // *inflater
}

// shared serves callers without a Decoder of their own. It is a cache only.
var shared = NewDecoder(0)

// NewDecoder makes a Decoder that refuses batches with more than maxDecompressed bytes of payload
// (0: the default). Very large batches may always have 32 times their own size.
func NewDecoder(maxDecompressed int) *Decoder {
	if maxDecompressed <= 0 {
		maxDecompressed = DefaultMaxDecompressed
	}
	return &Decoder{maxBytes: maxDecompressed, ratio: maxRatio}
}

// NewStrictDecoder makes a Decoder that refuses every batch with more than maxDecompressed bytes of
// payload, however large the batch is.
func NewStrictDecoder(maxDecompressed int) *Decoder {
	return &Decoder{maxBytes: maxDecompressed, ratio: 0}
}

// inflater is one payload being decompressed, chunk by chunk. It comes from a Decoder's pool and
// goes back with release.
type inflater struct {
	d     *Decoder
	codec Codec
	magic int8

	src   []byte // compressed bytes not consumed yet
	cur   []byte // decompressed bytes not read yet; aliases buf, or the batch where nothing had to be decompressed
	total int    // bytes decompressed so far
	limit int

	buf     []byte // holds the current chunk
	scratch []byte // holds a record that spans chunks
	raw     rawRecord

	lz4     lz4Frame
	started bool
	stream  bool // zstd: fallen back to streaming
	br      bytes.Reader
	gz      *gunzip.Reader
	zall    *zstd.Decoder
	zstream *zstd.Decoder
}

// inflate starts to decompress payload, the bytes behind a magic 2 header or the value of a
// wrapper.
func (d *Decoder) inflate(payload []byte, codec Codec, magic int8) *inflater {
	if d == nil {
		d = shared
	}
	f, _ := d.pool.Get().(*inflater)
	if f == nil {
		f = &inflater{d: d}
	}
	f.codec, f.magic = codec, magic
	f.total, f.started, f.stream = 0, false, false
	f.limit = max(d.maxBytes, d.ratio*len(payload))
	if codec == None {
		f.src, f.cur = nil, payload
	} else {
		f.src, f.cur = payload, nil
	}
	return f
}

// release puts f back. Nothing that aliases its buffers may be used afterwards.
func (f *inflater) release() {
	f.src, f.cur = nil, nil
	// It aliases the batch, which must not be kept alive by the pool.
	f.raw = rawRecord{}
	f.br.Reset(nil)
	if f.gz != nil {
		f.gz.Release()
	}
	if cap(f.buf) > keepBuffer {
		f.buf = nil
	}
	if cap(f.scratch) > keepBuffer {
		f.scratch = nil
	}
	f.d.pool.Put(f)
}

// room returns the chunk buffer with n bytes of length; its content is undefined.
func (f *inflater) room(n int) []byte {
	if cap(f.buf) < n {
		f.buf = make([]byte, sizeClass(n))
	}
	f.buf = f.buf[:cap(f.buf)]
	return f.buf[:n]
}

// sizeClass rounds up to a power of two of at least 16 KiB, so that pooled buffers fit the next
// batch.
func sizeClass(n int) int {
	c := 16 << 10
	for c < n {
		c <<= 1
	}
	return c
}

// fill makes the next chunk current; cur must be used up. io.EOF is the end of the payload; a fault
// of the compressed stream is a *DecompressError.
func (f *inflater) fill() error {
	for {
		err := f.chunk()
		f.total += len(f.cur)
		switch {
		// After the chunk, which has bounds of its own: a payload may exceed the limit by one chunk
		// before it is refused.
		case f.total > f.limit:
			return fmt.Errorf("%w of %d bytes", errTooLarge, f.limit)
		case err != nil && err != io.EOF:
			if errors.Is(err, errTooLarge) {
				return err
			}
			return &DecompressError{Codec: f.codec, Err: err}
		case len(f.cur) > 0:
			return nil
		case err == io.EOF:
			return io.EOF
		}
	}
}

// chunk sets cur to the next chunk, which may be empty. With io.EOF cur is empty.
func (f *inflater) chunk() error {
	f.cur = nil
	switch f.codec {
	case None:
		return io.EOF
	case Gzip:
		return f.chunkGzip()
	case Snappy:
		return f.chunkSnappy()
	case LZ4:
		return f.chunkLZ4()
	case Zstd:
		return f.chunkZstd()
	}
	return fmt.Errorf("unknown compression type id: %d", f.codec)
}

// chunkGzip reads one member after the other. As in Java, what follows a member and is no member is
// ignored.
func (f *inflater) chunkGzip() (err error) {
	if !f.started {
		f.started = true
		if f.gz == nil {
			f.gz = new(gunzip.Reader)
		}
		if err := f.gz.Reset(f.src); err != nil {
			return err
		}
	}
	f.cur, err = f.gz.Next()
	return err
}

// chunkZstd decodes a payload of up to zstdAllLimit in one go, which saves the copy out of the
// history that streaming needs (BenchmarkValidate/zstd: 8 % less CPU), and streams a larger one,
// which needs only its window.
func (f *inflater) chunkZstd() error {
	if !f.started {
		f.started = true
		if f.zall == nil {
			var err error
			if f.zall, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxMemory(zstdAllLimit)); err != nil {
				return err
			}
		}
		out, err := f.zall.DecodeAll(f.src, f.room(min(keepBuffer, 4*len(f.src)))[:0])
		if err == nil {
			f.src = nil
			// The decoder may have made a larger buffer; it is kept in place of ours.
			f.buf, f.cur = out[:cap(out)], out
			return nil
		}
		if !errors.Is(err, zstd.ErrDecoderSizeExceeded) && !errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return noEOF(err)
		}
		f.stream = true
		f.br.Reset(f.src)
		if f.zstream == nil {
			if f.zstream, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(zstdWindow)); err != nil {
				return err
			}
		}
		if err := f.zstream.Reset(&f.br); err != nil {
			return noEOF(err)
		}
	}
	if !f.stream {
		return io.EOF
	}
	buf := f.room(zstdChunk)
	n, err := f.zstream.Read(buf)
	f.cur = buf[:n]
	if err == io.EOF && n > 0 {
		return nil
	}
	return err
}

// noEOF keeps an end of file inside a compressed stream from looking like its end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// all decompresses the whole payload. The result is valid until release.
func (f *inflater) all() ([]byte, error) {
	f.scratch = f.scratch[:0]
	if f.codec == None {
		return f.cur, nil
	}
	for {
		switch err := f.fill(); err {
		case nil:
			f.scratch = append(f.scratch, f.cur...)
		case io.EOF:
			return f.scratch, nil
		default:
			return nil, err
		}
	}
}
