package record

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// flushAt is how much a builder collects before it feeds its compressor: a whole number of blocks
// of every codec.
const flushAt = 256 << 10

// deflater compresses one payload, piece by piece, onto the end of dst. It comes from deflaters and
// goes back with release.
type deflater struct {
	codec Codec
	dst   []byte
	begun bool // gzip, zstd: the stream is open

	snappy snappyWriter
	lz4    lz4Writer
	gz     *gzip.Writer
	zs     *zstd.Encoder
}

// deflaters keeps compressors, whose tables are large, for the next batch. It is a cache only.
var deflaters = sync.Pool{New: func() any { return new(deflater) }}

// newDeflater starts a stream at the end of dst.
func newDeflater(dst []byte, codec Codec, magic int8) *deflater {
	z := deflaters.Get().(*deflater)
	z.codec, z.dst, z.begun = codec, dst, false
	switch codec {
	case Snappy:
		z.dst = z.snappy.begin(z.dst)
	case LZ4:
		z.dst = z.lz4.begin(z.dst, magic)
	}
	return z
}

// Write is for the encoders: it takes what they compressed.
func (z *deflater) Write(p []byte) (int, error) {
	z.dst = append(z.dst, p...)
	return len(p), nil
}

// put compresses p. Pieces except the last are multiples of 64 KiB, so that blocks are full.
func (z *deflater) put(p []byte) (err error) {
	switch z.codec {
	case Gzip:
		if !z.begun {
			z.begun = true
			if z.gz == nil {
				z.gz = gzip.NewWriter(z)
			} else {
				z.gz.Reset(z)
			}
		}
		_, err = z.gz.Write(p)
	case Snappy:
		z.dst = z.snappy.write(z.dst, p)
	case LZ4:
		z.dst, err = z.lz4.write(z.dst, p)
	case Zstd:
		if err = z.zstd(); err != nil {
			return err
		}
		if !z.begun {
			z.begun = true
			z.zs.Reset(z)
		}
		_, err = z.zs.Write(p)
	default:
		err = fmt.Errorf("unknown compression type id: %d", z.codec)
	}
	return err
}

// zstd makes the encoder: level 3 as Kafka's, without checksum, with a window that suits batches
// instead of files.
func (z *deflater) zstd() (err error) {
	if z.zs == nil {
		z.zs, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
			zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
	}
	return err
}

// finish compresses the last piece, ends the stream and returns dst with it.
func (z *deflater) finish(p []byte) ([]byte, error) {
	if z.codec == Zstd && !z.begun { // all there is: one frame with its content size
		if err := z.zstd(); err != nil {
			return nil, err
		}
		z.dst = z.zs.EncodeAll(p, z.dst)
		return z.dst, nil
	}
	if err := z.put(p); err != nil {
		return nil, err
	}
	var err error
	switch z.codec {
	case Gzip:
		err = z.gz.Close()
	case LZ4:
		z.dst = z.lz4.end(z.dst)
	case Zstd:
		err = z.zs.Close()
	}
	return z.dst, err
}

// release puts the compressor back. The payload belongs to the builder.
func (z *deflater) release() {
	z.dst = nil
	deflaters.Put(z)
}
