//go:build interop

package differential

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

// message is one message of magic 0 or 1, put together without any check.
type message struct {
	magic      int8
	offset     int64
	attributes byte
	time       int64
	key, value []byte // nil is null
}

// bytes writes the message with a right size and checksum; edits may change what lies between
// magic and end before that.
func (m message) bytes(edits ...func([]byte) []byte) []byte {
	body := []byte{byte(m.magic), m.attributes}
	if m.magic > 0 {
		body = binary.BigEndian.AppendUint64(body, uint64(m.time))
	}
	for _, field := range [][]byte{m.key, m.value} {
		if field == nil {
			body = binary.BigEndian.AppendUint32(body, 0xffffffff)
			continue
		}
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(field))), field...)
	}
	for _, edit := range edits {
		body = edit(body)
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(m.offset))
	b = binary.BigEndian.AppendUint32(b, uint32(4+len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
	return append(b, body...)
}

// messages are n good messages with the offsets 0, 1, 2 …
func messages(magic int8, n int) []message {
	var all []message
	for i := range n {
		all = append(all, message{magic: magic, offset: int64(i), time: then + int64(i), key: fmt.Appendf(nil, "k%d", i), value: fmt.Appendf(nil, "value-%d", i)})
	}
	return all
}

func messageSet(all []message) (b []byte) {
	for _, m := range all {
		b = append(b, m.bytes()...)
	}
	return b
}

// squeeze compresses as a client of the magic does.
func squeeze(codec record.Codec, magic int8, b []byte) []byte {
	switch codec {
	case record.None:
		return b
	case record.Gzip:
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		w.Write(b)
		w.Close()
		return out.Bytes()
	}
	if codec == record.Snappy {
		block := s2.EncodeSnappy(nil, b)
		out := []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
		return append(binary.BigEndian.AppendUint32(out, uint32(len(block))), block...)
	}
	return lz4(b, magic > 0)
}

// lz4 is a frame with one block that is stored as it is. Clients of magic 0 computed the checksum
// of the header over its first bytes too.
func lz4(b []byte, right bool) []byte {
	// The checksums of 60 40: over the descriptor, and over the frame's first bytes with it.
	sum := byte(0x82)
	if !right {
		sum = 0x1a
	}
	out := []byte{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, sum}
	if len(b) > 0 {
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(b))|0x80000000), b...)
	}
	return append(out, 0, 0, 0, 0)
}

// shape is an odd record set of old messages: of an outer magic, compressed by a codec.
type shape struct {
	name string
	make func(magic int8, codec record.Codec) []byte
}

// wrap is a compressed message round inner.
func wrap(magic int8, codec record.Codec, offset int64, inner []byte) []byte {
	return wrapper(magic, codec, offset, inner).bytes()
}

func wrapper(magic int8, codec record.Codec, offset int64, inner []byte) message {
	return message{magic: magic, offset: offset, attributes: byte(codec), time: then, value: squeeze(codec, magic, inner)}
}

// inner is a shape whose oddness lies in the inner messages.
func inner(name string, offset int64, f func(m []message)) shape {
	return shape{name, func(magic int8, codec record.Codec) []byte {
		m := messages(magic, 3)
		f(m)
		return wrap(magic, codec, offset, messageSet(m))
	}}
}

// bent is a shape whose second inner message is edited between its magic and its end.
func bent(name string, edit func(m message, body []byte) []byte) shape {
	return shape{name, func(magic int8, codec record.Codec) []byte {
		m := messages(magic, 3)
		var b []byte
		for i := range m {
			if i == 1 {
				b = append(b, m[i].bytes(func(body []byte) []byte { return edit(m[i], body) })...)
				continue
			}
			b = append(b, m[i].bytes()...)
		}
		return wrap(magic, codec, 2, b)
	}}
}

// tail is a shape with bytes behind the inner messages.
func tail(name string, bytes ...byte) shape {
	return shape{name, func(magic int8, codec record.Codec) []byte {
		return wrap(magic, codec, 2, append(messageSet(messages(magic, 3)), bytes...))
	}}
}

// outer is a shape whose oddness lies in the wrapper.
func outer(name string, f func(w *message)) shape {
	return shape{name, func(magic int8, codec record.Codec) []byte {
		w := wrapper(magic, codec, 2, messageSet(messages(magic, 3)))
		f(&w)
		return w.bytes()
	}}
}

// keyAt is where the length of the key stands in the body of a message.
func keyAt(m message) int {
	if m.magic > 0 {
		return 10
	}
	return 2
}

func put32(b []byte, at int, n int32) []byte {
	binary.BigEndian.PutUint32(b[at:], uint32(n))
	return b
}

// wrapperShapes are odd wrappers. Keys and values that are longer than their message, and codecs and
// magics that are not, are not among them: docs/differences.md says why.
var wrapperShapes = []shape{
	inner("good", 2, func([]message) {}),
	inner("outer offset 0", 0, func([]message) {}),
	inner("outer offset 102", 102, func([]message) {}),
	inner("outer offset 1, less than the last", 1, func([]message) {}),
	inner("outer offset -1", -1, func([]message) {}),
	inner("offsets from 100", 102, func(m []message) { m[0].offset, m[1].offset, m[2].offset = 100, 101, 102 }),
	inner("offsets from 100, outer offset 0", 0, func(m []message) { m[0].offset, m[1].offset, m[2].offset = 100, 101, 102 }),
	inner("offsets with a gap", 3, func(m []message) { m[2].offset = 3 }),
	inner("offsets of 0", 0, func(m []message) { m[1].offset, m[2].offset = 0, 0 }),
	inner("offsets of 0, outer offset 2", 2, func(m []message) { m[1].offset, m[2].offset = 0, 0 }),
	inner("offsets that fall", 2, func(m []message) { m[0].offset, m[2].offset = 2, 0 }),
	inner("offsets below 0", 2, func(m []message) { m[0].offset, m[1].offset, m[2].offset = -3, -2, -1 }),
	inner("other magic", 2, func(m []message) {
		for i := range m {
			m[i].magic = 1 - m[i].magic
		}
	}),
	inner("other magic first", 2, func(m []message) { m[0].magic = 1 - m[0].magic }),
	inner("other magic in the middle", 2, func(m []message) { m[1].magic = 1 - m[1].magic }),
	inner("other magic last", 2, func(m []message) { m[2].magic = 1 - m[2].magic }),
	inner("magic 2", 2, func(m []message) { m[1].magic = 2 }),
	inner("magic 3", 2, func(m []message) { m[1].magic = 3 }),
	inner("inner attributes 0x10", 2, func(m []message) { m[1].attributes = 0x10 }),
	inner("inner attributes 0x80", 2, func(m []message) { m[1].attributes = 0x80 }),
	inner("inner append time", 2, func(m []message) { m[1].attributes = 8 }),
	inner("inner gzip", 2, func(m []message) { m[1].attributes = 1 }),
	inner("inner lz4 first", 2, func(m []message) { m[0].attributes = 3 }),
	inner("null keys", 2, func(m []message) { m[0].key, m[1].key, m[2].key = nil, nil, nil }),
	inner("a null key", 2, func(m []message) { m[1].key = nil }),
	inner("null values", 2, func(m []message) { m[0].value, m[1].value, m[2].value = nil, nil, nil }),
	inner("empty keys and values", 2, func(m []message) { m[0].key, m[1].value, m[2].key, m[2].value = []byte{}, []byte{}, []byte{}, nil }),
	inner("time -1", 2, func(m []message) { m[0].time, m[1].time, m[2].time = -1, -1, -1 }),
	inner("time -1 first", 2, func(m []message) { m[0].time = -1 }),
	inner("time 0", 2, func(m []message) { m[1].time = 0 }),
	inner("time -5", 2, func(m []message) { m[1].time = -5 }),
	inner("largest time", 2, func(m []message) { m[1].time = 1<<63 - 1 }),
	inner("smallest time", 2, func(m []message) { m[1].time = -1 << 63 }),
	inner("times that fall", 2, func(m []message) { m[0].time, m[1].time, m[2].time = then+9, then+5, then }),
	bent("inner value shorter than the rest", func(m message, b []byte) []byte { return put32(b, keyAt(m)+6, 3) }),
	bent("inner value of -5 bytes", func(m message, b []byte) []byte { return put32(b, keyAt(m)+6, -5) }),
	bent("bytes behind the inner value", func(m message, b []byte) []byte { return append(b, 1, 2, 3) }),
	{"inner checksum", func(magic int8, codec record.Codec) []byte {
		b := messageSet(messages(magic, 3))
		b[12] ^= 1
		return wrap(magic, codec, 2, b)
	}},
	{"last inner checksum", func(magic int8, codec record.Codec) []byte {
		b := messageSet(messages(magic, 3))
		b[len(b)-1] ^= 1
		return wrap(magic, codec, 2, b)
	}},
	{"inner checksum behind another magic", func(magic int8, codec record.Codec) []byte {
		m := messages(magic, 3)
		m[0].magic = 1 - magic
		b := messageSet(m)
		b[len(b)-1] ^= 1
		return wrap(magic, codec, 2, b)
	}},
	{"one", func(magic int8, codec record.Codec) []byte {
		return wrap(magic, codec, 0, messageSet(messages(magic, 1)))
	}},
	{"none", func(magic int8, codec record.Codec) []byte { return wrap(magic, codec, 0, nil) }},
	{"a batch inside", func(magic int8, codec record.Codec) []byte {
		return wrap(magic, codec, 2, plain(2, record.None, 3).bytes())
	}},
	{"a wrapper inside", func(magic int8, codec record.Codec) []byte {
		return wrap(magic, codec, 2, wrap(magic, codec, 2, messageSet(messages(magic, 3))))
	}},
	{"cut in the last inner message", func(magic int8, codec record.Codec) []byte {
		b := messageSet(messages(magic, 3))
		return wrap(magic, codec, 2, b[:len(b)-1])
	}},
	{"cut in the first inner message", func(magic int8, codec record.Codec) []byte {
		return wrap(magic, codec, 2, messageSet(messages(magic, 1))[:20])
	}},
	{"cut in the first inner size", func(magic int8, codec record.Codec) []byte {
		return wrap(magic, codec, 2, messageSet(messages(magic, 1))[:10])
	}},
	tail("a byte too many", 1),
	tail("a size of 0 at the end", make([]byte, 12)...),
	tail("a size of 13 at the end", append(make([]byte, 11), make([]byte, 14)...)...),
	tail("a size of -1 at the end", 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
	tail("a large size at the end", 0, 0, 0, 0, 0, 0, 0, 3, 0, 0xff, 0xff, 0xff, 1, 2, 3),
	outer("outer key", func(w *message) { w.key = []byte("key") }),
	outer("outer null value", func(w *message) { w.value = nil }),
	outer("outer empty value", func(w *message) { w.value = []byte{} }),
	outer("outer append time", func(w *message) { w.attributes |= 8 }),
	outer("outer attributes 0x10", func(w *message) { w.attributes |= 0x10 }),
	outer("outer attributes 0x80", func(w *message) { w.attributes |= 0x80 }),
	outer("outer time -1", func(w *message) { w.time = -1 }),
	outer("outer time 0", func(w *message) { w.time = 0 }),
	outer("outer time -5", func(w *message) { w.time = -5 }),
	outer("outer time later", func(w *message) { w.time = then + 1000 }),
	outer("outer codec zstd", func(w *message) { w.attributes = 4 }),
	outer("outer codec next", func(w *message) { w.attributes = w.attributes%3 + 1 }),
	outer("outer codec none", func(w *message) { w.attributes = 0 }),
	outer("outer value cut", func(w *message) { w.value = w.value[:len(w.value)-9] }),
	outer("outer value and more", func(w *message) { w.value = append(w.value, 0, 0, 0, 0, 0) }),
	outer("outer value twice", func(w *message) { w.value = append(w.value, w.value...) }),
	{"two wrappers", func(magic int8, codec record.Codec) []byte {
		b := wrap(magic, codec, 2, messageSet(messages(magic, 3)))
		return append(b, b...)
	}},
	{"wrapper and message", func(magic int8, codec record.Codec) []byte {
		return append(wrap(magic, codec, 2, messageSet(messages(magic, 3))), messageSet(messages(magic, 1))...)
	}},
	{"message and wrapper", func(magic int8, codec record.Codec) []byte {
		return append(messageSet(messages(magic, 1)), wrap(magic, codec, 2, messageSet(messages(magic, 3)))...)
	}},
	{"wrapper and a piece", func(magic int8, codec record.Codec) []byte {
		b := wrap(magic, codec, 2, messageSet(messages(magic, 3)))
		return append(b, b[:30]...)
	}},
	{"wrapper and batch", func(magic int8, codec record.Codec) []byte {
		return append(wrap(magic, codec, 2, messageSet(messages(magic, 3))), plain(2, record.None, 2).bytes()...)
	}},
	{"wrapper of the other magic behind", func(magic int8, codec record.Codec) []byte {
		return append(wrap(magic, codec, 2, messageSet(messages(magic, 3))), wrap(1-magic, codec, 2, messageSet(messages(1-magic, 3)))...)
	}},
	{"message and a wrapper of the other magic", func(magic int8, codec record.Codec) []byte {
		return append(messageSet(messages(magic, 1)), wrap(1-magic, codec, 2, messageSet(messages(1-magic, 3)))...)
	}},
}

// flat is a shape of messages that nothing is wrapped round.
func flat(name string, f func(m []message)) shape {
	return shape{name, func(magic int8, _ record.Codec) []byte {
		m := messages(magic, 3)
		f(m)
		return messageSet(m)
	}}
}

func flatBent(name string, edit func(m message, body []byte) []byte) shape {
	return shape{name, func(magic int8, _ record.Codec) []byte {
		m := messages(magic, 3)
		b := m[0].bytes()
		return append(b, m[1].bytes(func(body []byte) []byte { return edit(m[1], body) })...)
	}}
}

var plainShapes = []shape{
	flat("good", func([]message) {}),
	flat("offsets of 0", func(m []message) { m[1].offset, m[2].offset = 0, 0 }),
	flat("offsets that fall", func(m []message) { m[0].offset, m[2].offset = 2, 0 }),
	flat("offsets below 0", func(m []message) { m[0].offset, m[1].offset, m[2].offset = -3, -2, -1 }),
	flat("other magic in the middle", func(m []message) { m[1].magic = 1 - m[1].magic }),
	flat("attributes 0x10", func(m []message) { m[1].attributes = 0x10 }),
	flat("attributes 0xf0", func(m []message) { m[1].attributes = 0xf0 }),
	flat("append time", func(m []message) { m[1].attributes = 8 }),
	flat("null keys", func(m []message) { m[0].key, m[1].key = nil, nil }),
	flat("null values", func(m []message) { m[0].value, m[1].value = nil, nil }),
	flat("empty keys and values", func(m []message) { m[0].key, m[1].value, m[2].key, m[2].value = []byte{}, []byte{}, []byte{}, nil }),
	flat("time -1", func(m []message) { m[0].time, m[1].time, m[2].time = -1, -1, -1 }),
	flat("time -5", func(m []message) { m[1].time = -5 }),
	flat("times of -5", func(m []message) { m[0].time, m[1].time, m[2].time = -5, -5, -5 }),
	flat("largest time", func(m []message) { m[1].time = 1<<63 - 1 }),
	flat("times that fall", func(m []message) { m[0].time, m[1].time, m[2].time = then+9, then+5, then }),
	flatBent("value shorter than the rest", func(m message, b []byte) []byte { return put32(b, keyAt(m)+6, 3) }),
	flatBent("bytes behind the value", func(m message, b []byte) []byte { return append(b, 1, 2, 3) }),
}

// oldFormatCases sends messages of magic 0 and 1 in all shapes, to topics of each format.
func oldFormatCases(s *session) {
	topics := []struct {
		name    string
		configs []string
	}{
		{"of-2", nil},
		{"of-1", []string{"message.format.version=0.10.2"}},
		{"of-0", []string{"message.format.version=0.9.0"}},
		{"of-2-append", []string{"message.timestamp.type=LogAppendTime"}},
		{"of-1-append", []string{"message.format.version=0.10.2", "message.timestamp.type=LogAppendTime"}},
		{"of-1-compact", []string{"message.format.version=0.10.2", "cleanup.policy=compact"}},
		{"of-1-plain", []string{"message.format.version=0.10.2", "compression.type=uncompressed"}},
		{"of-0-gzip", []string{"message.format.version=0.9.0", "compression.type=gzip"}},
		{"of-2-recent", []string{"message.timestamp.difference.max.ms=1000"}},
	}
	for _, topic := range topics {
		s.create(topic.name, 4, topic.configs...)
		for magic := range int8(2) {
			for p, codec := range codecs[:4] {
				shapes := wrapperShapes
				if codec == record.None {
					shapes = plainShapes
				}
				for _, sh := range shapes {
					label := fmt.Sprintf("%s magic %d %v: %s", topic.name, magic, codec, sh.name)
					resp := s.ask(label, 2, produce(1, part{topic.name, int32(p), sh.make(magic, codec)}))
					if at := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]; at.ErrorCode == 0 {
						s.ask(label+", read", 11, fetch(topic.name, int32(p), at.BaseOffset, 1<<20))
					}
				}
			}
		}
		for p := range int32(4) {
			for _, v := range []int16{0, 2, 4} {
				if v < 4 && p > 0 {
					continue // what other compressors make may not fit
				}
				s.ask("all of "+topic.name, v, fetch(topic.name, p, 0, 1<<20))
			}
			for _, ts := range []int64{-2, -1, 0, then, then + 1, then + 2, then + 5} {
				r := listOne(topic.name, ts)
				r.Topics[0].Partitions[0].Partition = p
				s.ask(fmt.Sprintf("%s-%d at %d", topic.name, p, ts), 5, r)
			}
		}
	}
	s.create("of-v", 1)
	versions(0, 1, func(v int16) {
		for magic := range int8(2) {
			for _, sh := range wrapperShapes[:20] {
				s.ask(fmt.Sprintf("magic %d: %s", magic, sh.name), v, produce(1, part{"of-v", 0, sh.make(magic, record.Gzip)}))
			}
		}
	})
	s.whole("of-v", 0)
	// Snappy without Java's framing, and LZ4 headers with the checksum of the other magic.
	for magic := range int8(2) {
		w := wrapper(magic, record.Snappy, 2, nil)
		w.value = s2.EncodeSnappy(nil, messageSet(messages(magic, 3)))
		s.ask(fmt.Sprintf("bare snappy, magic %d", magic), 2, produce(1, part{"of-v", 0, w.bytes()}))
		w = wrapper(magic, record.LZ4, 2, nil)
		w.value = lz4(messageSet(messages(magic, 3)), magic == 0)
		s.ask(fmt.Sprintf("header of the other magic, magic %d", magic), 2, produce(1, part{"of-v", 0, w.bytes()}))
	}
	s.whole("of-v", 0)
}
