package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"time"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/storage/record"
)

const (
	codecWindow = 3 * time.Second
	codecWarmUp = 6 * time.Second // of each codec, for a JVM to compile
)

// codecBatches are the batches of the standard table as clients compress them. Java's producer and
// librdkafka write lz4 in blocks of 64 KB, the clients in Go in blocks of 4 MB, for which Kafka
// allocates that much a batch.
func codecBatches() ([]namedBatch, error) {
	var all []namedBatch
	plain := batch(false)
	add := func(name string, id record.Codec, records []byte) {
		all = append(all, namedBatch{name, recompressed(plain, id, records)})
	}
	for _, c := range []struct {
		name  string
		id    record.Codec
		codec kgo.CompressionCodec
	}{
		{"gzip", record.Gzip, kgo.GzipCompression()},
		{"snappy", record.Snappy, kgo.SnappyCompression()},
		{"lz4, blocks of 4 MB", record.LZ4, kgo.Lz4Compression()},
		{"zstd", record.Zstd, kgo.ZstdCompression()},
	} {
		// The levels are the clients' defaults: a broker never sees which one it was.
		compressor, err := kgo.DefaultCompressor(c.codec)
		if err != nil {
			return nil, err
		}
		out, _ := compressor.Compress(new(bytes.Buffer), plain[record.BatchOverhead:])
		add(c.name, c.id, out)
	}
	var small bytes.Buffer
	w := lz4.NewWriter(&small)
	if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
		return nil, err
	}
	if _, err := w.Write(plain[record.BatchOverhead:]); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	add("lz4, blocks of 64 KB", record.LZ4, small.Bytes())
	return all, nil
}

// namedBatch is a batch as a producer of that codec sends it.
type namedBatch struct {
	name  string
	batch []byte
}

// recompressed is a batch (format v2) with its records replaced by compressed ones.
func recompressed(plain []byte, codec record.Codec, records []byte) []byte {
	const (
		sizeAt, crcAt, attributesAt = 8, 17, 21
		beforeSize                  = 12 // what the size does not count
	)
	b := append(bytes.Clone(plain[:record.BatchOverhead]), records...)
	binary.BigEndian.PutUint32(b[sizeAt:], uint32(len(b)-beforeSize))
	binary.BigEndian.PutUint16(b[attributesAt:], uint16(codec))
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[attributesAt:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// measureCodecs produces batches that a broker has to decompress to check, but may keep as they are.
func measureCodecs(l *lab, t *table, rounds int) error {
	batches, err := codecBatches()
	if err != nil {
		return err
	}
	load := func(c *cluster, round int, window time.Duration, note func(name, unit string, v float64)) error {
		for i, b := range batches {
			topic := fmt.Sprintf("codec-%d-%d", i, round)
			drop, err := c.topic(topic)
			if err != nil {
				return err
			}
			request := produceRequest(topic, b.batch)
			var n int
			used := c.measure(func() error {
				n, err = inParallel(connections, func() result {
					conn, err := net.Dial("tcp", c.addrs[0])
					if err != nil {
						return result{err: err}
					}
					defer conn.Close()
					return produceOver(conn, request, time.Now().Add(window))
				})
				return err
			})
			drop()
			if used.err != nil {
				return used.err
			}
			gb := float64(n) * partitions * recordsPerBatch * valueBytes / 1e9
			note("produce, 1 KB "+b.name, "MB/s", gb*1000/used.seconds)
			note("  broker CPU ("+b.name+")", "s/GB", used.cpu/gb)
		}
		return nil
	}
	return inTurn(l, rounds, 1, nil,
		func(c *cluster) error { return load(c, -1, codecWarmUp, func(string, string, float64) {}) },
		func(c *cluster, round int) error {
			return load(c, round, codecWindow, func(name, unit string, v float64) { t.note(c.name, name, unit, v) })
		})
}
