package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// result is what a connection got: so many answers, or an error.
type result struct {
	answers int
	err     error
}

// frame is a whole request.
func frame(req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, req, 1)
}

// produceRequest is a Produce v7 request with acks=1 that has the batch for each partition.
func produceRequest(topic string, batch []byte) []byte {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(7)
	req.Acks, req.TimeoutMillis = 1, 30000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	for p := range int32(partitions) {
		rp := kmsg.NewProduceRequestTopicPartition()
		rp.Partition, rp.Records = p, batch
		t.Partitions = append(t.Partitions, rp)
	}
	// acks=1: throughput of one broker without followers.
	req.Topics = append(req.Topics, t)
	return frame(req)
}

// produceLoop keeps five requests in flight until stop, then waits for the answers.
func produceLoop(addr string, request []byte, stop time.Time) (r result) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return result{err: err}
	}
	defer c.Close()
	return produceOver(c, request, stop)
}

// produceOver is produceLoop over a connection that is there.
func produceOver(c net.Conn, request []byte, stop time.Time) (r result) {
	in := bufio.NewReader(c)
	flying := 0
	for {
		for flying < inFlight && time.Now().Before(stop) {
			if _, r.err = c.Write(request); r.err != nil {
				return r
			}
			flying++
		}
		if flying == 0 {
			return r
		}
		body, err := readFrame(in)
		if err != nil {
			return result{err: err}
		}
		resp := kmsg.NewPtrProduceResponse()
		resp.SetVersion(7)
		if err := resp.ReadFrom(body); err != nil {
			return result{err: err}
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return result{err: fmt.Errorf("produce to %s-%d: error %d", t.Topic, p.Partition, p.ErrorCode)}
				}
			}
		}
		flying--
		r.answers++
	}
}

// readFrame reads a response and returns its body, which is valid until the next call.
func readFrame(in *bufio.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, err
	}
	return b[4:], nil
}

// consumeLoop fetches all partitions from their start to their end, again and again, and returns
// the bytes of records read. It reads the frames' sizes and the batches' headers only, so that the
// broker and not the reader is measured.
func consumeLoop(addr, topic string, stop time.Time) (int64, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return consumeOver(c, topic, stop)
}

// consumeOver is consumeLoop over a connection that is there.
func consumeOver(c net.Conn, topic string, stop time.Time) (int64, error) {
	in := bufio.NewReaderSize(c, 256<<10)
	var next [partitions]int64
	var total int64
	buf := make([]byte, 64<<20)
	for time.Now().Before(stop) {
		req := kmsg.NewPtrFetchRequest()
		req.SetVersion(10)
		// The limits of Kafka's consumer; session epoch -1 asks for no fetch session.
		req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = 500, 1, 50<<20, -1
		t := kmsg.NewFetchRequestTopic()
		t.Topic = topic
		for p := range int32(partitions) {
			rp := kmsg.NewFetchRequestTopicPartition()
			rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = p, next[p], 1<<20
			t.Partitions = append(t.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
		if _, err := c.Write(frame(req)); err != nil {
			return 0, err
		}
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return 0, err
		}
		b := buf[:binary.BigEndian.Uint32(size[:])]
		if _, err := io.ReadFull(in, b); err != nil {
			return 0, err
		}
		resp := kmsg.NewPtrFetchResponse()
		resp.SetVersion(10)
		if err := resp.ReadFrom(b[4:]); err != nil {
			return 0, err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return 0, fmt.Errorf("fetch %s-%d: error %d", t.Topic, p.Partition, p.ErrorCode)
				}
				total += int64(len(p.RecordBatches))
				next[p.Partition] = after(p.RecordBatches, next[p.Partition])
				// At the end it begins anew: the data then come from the page cache, on both sides.
				if next[p.Partition] >= p.HighWatermark {
					next[p.Partition] = 0
				}
			}
		}
	}
	return total, nil
}

// after is the offset after the last whole batch.
func after(records []byte, from int64) int64 {
	// 61 is the size of a batch's header (format v2); 8 is the place of its length, which counts
	// from behind itself, and 23 that of the last offset's delta.
	for len(records) >= 61 {
		size := int(binary.BigEndian.Uint32(records[8:])) + 12
		if size > len(records) {
			break
		}
		from = int64(binary.BigEndian.Uint64(records)) + int64(binary.BigEndian.Uint32(records[23:])) + 1
		records = records[size:]
	}
	return from
}
