package record

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand"
	"strings"
	"testing"

	"momus/internal/kerr"
)

// vec reads hex with spaces.
func vec(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors were made by Kafka's own classes.
func TestBuilderWritesKafkasBytes(t *testing.T) {
	two := func(o BuilderOptions) []byte {
		b := NewBuilder(o)
		b.Append(1000, []byte("k"), []byte("v1"))
		b.Append(1002, nil, []byte("v2"))
		return b.Bytes()
	}
	o := DefaultOptions()
	o.BaseOffset = 5
	o0, o1 := o, o
	o0.Magic, o1.Magic = Magic0, Magic1
	for _, c := range []struct {
		name, want string
		got        []byte
	}{
		{"magic 0", "0000000000000005 00000011 61505427 00 00 00000001 6b 00000002 7631" +
			"0000000000000006 00000010 d5960a78 00 00 ffffffff 00000002 7632", two(o0)},
		{"magic 1", "0000000000000005 00000019 43a94d68 01 00 00000000000003e8 00000001 6b 00000002 7631" +
			"0000000000000006 00000018 76f5450f 01 00 00000000000003ea ffffffff 00000002 7632", two(o1)},
		{"magic 2", "0000000000000005 00000044 ffffffff 02 77bf1b93 0000 00000001 00000000000003e8 00000000000003ea ffffffffffffffff ffff ffffffff 00000002" +
			"12 00 00 00 02 6b 04 7631 00 10 00 04 02 01 04 7632 00", two(o)},
	} {
		if want := vec(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s:\n got %x\nwant %x", c.name, c.got, want)
		}
	}
	w := NewBuilder(o)
	w.Append(1000, nil, nil, Header{"hk", []byte{1}}, Header{"n", nil})
	if got := w.Bytes()[BatchOverhead:]; !bytes.Equal(got, vec(t, "1c 00 00 00 01 01 04 04 686b 02 01 02 6e 01")) {
		t.Errorf("record with headers: %x", got)
	}
	marker := Batch(ControlBatch(9, 3, 7, true, 1000))
	if !bytes.Equal(marker[43:], vec(t, "0000000000000009 0003 ffffffff 00000001 20 00 00 00 08 00000001 0c 0000 00000007 00")) ||
		marker[22] != 0x30 || len(marker) != 78 || marker.Verify() != nil {
		t.Errorf("marker: %x", []byte(marker))
	}
	for magic, checksum := range map[int8]byte{Magic0: 0x1a, Magic1: 0x82, Magic2: 0x82} {
		if got := new(lz4Writer).begin(nil, magic); !bytes.Equal(got, []byte{4, 0x22, 0x4d, 0x18, 0x60, 0x40, checksum}) {
			t.Errorf("lz4 frame of magic %d begins %x", magic, got)
		}
	}
}

func TestSnappyWrapperOfKafkaIsRead(t *testing.T) {
	o := DefaultOptions()
	o.Magic, o.Codec, o.BaseOffset = Magic1, Snappy, 5
	b := NewBuilder(o)
	b.Append(1000, []byte("k"), []byte("v1"))
	b.Append(1002, nil, []byte("v2"))
	w := Batch(b.Bytes())
	if w.BaseOffset() != 6 || w.MaxTimestamp() != 1002 || string(w[34:42]) != xerialHeader {
		t.Errorf("%x", []byte(w))
	}
	if first, err := w.FirstOffset(nil); first != 5 || err != nil {
		t.Errorf("first offset %d, %v", first, err)
	}
}

func TestNextCutsEntriesAndRefusesBadFrames(t *testing.T) {
	good := testBatch(None, Magic2, 3)
	for _, c := range []struct {
		name   string
		in     []byte
		edit   func(b []byte)
		batch  bool
		reason string // of a CorruptError
	}{
		{"whole", good, nil, true, ""},
		{"empty", nil, nil, false, ""},
		{"header cut before magic", good[:16], nil, false, ""},
		{"body cut", good[:len(good)-1], nil, false, ""},
		{"size 13", good, func(b []byte) { b[11] = 13; b[10] = 0 }, false, "less than the minimum"},
		{"size negative", good, func(b []byte) { b[8] = 0x80 }, false, "less than the minimum"},
		{"size huge", good, func(b []byte) { b[8] = 0x7f }, false, ""},
		{"magic 3", good, func(b []byte) { b[16] = 3 }, false, "invalid magic"},
		{"magic -1", good, func(b []byte) { b[16] = 0xff }, false, "invalid magic"},
		{"magic 2 below its header", good, func(b []byte) { b[11] = 48; b[10] = 0 }, false, "smaller than its header"},
		{"magic 1 below its header", good, func(b []byte) { b[11] = 21; b[10] = 0; b[16] = 1 }, false, "less than the minimum"},
		{"magic 0 at its least", good, func(b []byte) { b[11] = 14; b[10] = 0; b[16] = 0 }, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := bytes.Clone(c.in)
			if c.edit != nil {
				c.edit(in)
			}
			b, rest, err := Next(in)
			var ce *CorruptError
			switch {
			case c.reason != "":
				if !errors.As(err, &ce) || !strings.Contains(err.Error(), c.reason) || kerr.Of(err) != kerr.CorruptMessage {
					t.Errorf("got %v, want %q", err, c.reason)
				}
			case err != nil || (b != nil) != c.batch:
				t.Errorf("got batch %v, %v", b != nil, err)
			case len(b)+len(rest) != len(in):
				t.Errorf("%d + %d bytes of %d", len(b), len(rest), len(in))
			}
		})
	}
}

// testBatch is a set of n records with keys, values, nulls and (magic 2) headers.
func testBatch(c Codec, magic int8, n int) []byte {
	o := DefaultOptions()
	o.Magic, o.Codec = magic, c
	b := NewBuilder(o)
	for _, r := range testRecords(magic, n) {
		b.AppendAt(r.offset, r.timestamp, r.key, r.value, r.headers...)
	}
	return b.Bytes()
}

func testRecords(magic int8, n int) (rs []goldenRecord) {
	rng := rand.New(rand.NewSource(int64(n)))
	for i := range n {
		r := goldenRecord{offset: int64(i), timestamp: 1_600_000_000_000 + rng.Int63n(5000), key: fmt.Appendf(nil, "key %d", i)}
		if magic == Magic0 {
			r.timestamp = NoTimestamp
		}
		switch i % 7 {
		case 0:
			r.key = nil
		case 1:
			r.key = []byte{}
		case 2:
			r.value = nil
		default:
			r.value = bytes.Repeat([]byte("value "), rng.Intn(60))
		}
		if i == n/2 && n > 100 {
			r.value = make([]byte, 300<<10) // longer than any chunk
			rng.Read(r.value)
		}
		if magic == Magic2 && i%5 == 0 {
			r.headers = []Header{{"h", []byte("x")}, {"null", nil}, {"", []byte{}}}
		}
		rs = append(rs, r)
	}
	return rs
}

func TestRoundTripOfEveryCodecAndMagic(t *testing.T) {
	for magic := Magic0; magic <= Magic2; magic++ {
		for c := None; c <= Zstd; c++ {
			if c == Zstd && magic < Magic2 {
				continue
			}
			for _, n := range []int{1, 10, 200, 20000} {
				t.Run(fmt.Sprintf("magic %d %s %d", magic, c, n), func(t *testing.T) {
					want := testRecords(magic, n)
					eachBatch(t, testBatch(c, magic, n), func(_ int, b Batch) {
						if err := b.Verify(); err != nil {
							t.Fatal(err)
						}
						if err := b.ForEach(nil, func(r *Record) error {
							w := want[0]
							want = want[1:]
							if r.Offset != w.offset || r.Timestamp != w.timestamp || !same(r.Key, w.key) || !same(r.Value, w.value) ||
								fmt.Sprint(r.Headers()) != fmt.Sprint(w.headers) {
								return fmt.Errorf("got %d %d %q, want %d %d %q", r.Offset, r.Timestamp, r.Key, w.offset, w.timestamp, w.key)
							}
							return nil
						}); err != nil {
							t.Fatal(err)
						}
					})
					if len(want) != 0 {
						t.Errorf("%d records are missing", len(want))
					}
				})
			}
		}
	}
}

// What the real broker wrote in place is reproduced from what its client must have sent.
func TestGoldenCompressedBatchesAreAssignedAsKafkaDid(t *testing.T) {
	n := 0
	for _, name := range goldenCases {
		for file, log := range loadGolden(t, name).logs {
			eachBatch(t, log, func(_ int, b Batch) {
				if b.Magic() == Magic0 || b.IsControl() || b.TimestampType() != CreateTime || b.Count() != b.LastOffsetDelta()+1 && b.Magic() == Magic2 {
					return
				}
				first, err := b.FirstOffset(nil)
				if err != nil {
					t.Fatal(err)
				}
				sent := Batch(bytes.Clone(b))
				sent.SetLastOffset(b.LastOffset() - first)
				sent.SetLeaderEpoch(NoLeaderEpoch)
				p := testPolicy()
				p.LeaderEpoch, p.Rules.RecordVersion = b.LeaderEpoch(), b.Magic()
				info, err := Analyze(sent, OriginClient, 0)
				if err != nil {
					t.Fatal(err)
				}
				out, info, err := Assign(sent, info, first, p)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(out, b) || info.Converted || info.FirstOffset != first || info.LastOffset != b.LastOffset() || info.MaxTimestamp != b.MaxTimestamp() {
					t.Fatalf("%s at %d: %+v\n got %x\nwant %x", file, first, info, out, []byte(b))
				}
				n++
			})
		}
	}
	if n < 300 {
		t.Errorf("only %d batches", n)
	}
}

func TestAnalyze(t *testing.T) {
	good := testBatch(None, Magic2, 3)
	gz := testBatch(Gzip, Magic1, 3)
	edit := func(b []byte, fn func(b Batch)) []byte { c := Batch(bytes.Clone(b)); fn(c); return c }
	moved := edit(good, func(b Batch) { b.SetBaseOffset(7) })
	for _, c := range []struct {
		name    string
		in      []byte
		origin  Origin
		max     int
		code    int16
		batches int
		valid   int
	}{
		{"nothing", nil, OriginClient, 0, 0, 0, 0},
		{"one", good, OriginClient, len(good), 0, 1, len(good)},
		{"too large by a byte", good, OriginClient, len(good) - 1, 10, 0, 0},
		{"too large for a follower", good, OriginReplication, len(good) - 1, 10, 0, 0},
		{"torn", append(bytes.Clone(good), good[:50]...), OriginClient, 0, 0, 1, len(good)},
		{"base offset from a client", moved, OriginClient, 0, 87, 0, 0},
		{"base offset from the coordinator", moved, OriginCoordinator, 0, 0, 1, len(good)},
		{"base offset by replication", moved, OriginReplication, 0, 0, 1, len(good)},
		{"magic 1 at an offset from a client", gz, OriginClient, 0, 0, 1, len(gz)},
		{"crc", edit(good, func(b Batch) { b[len(b)-1] ^= 1 }), OriginReplication, 0, 2, 0, 0},
		{"crc magic 1", edit(gz, func(b Batch) { b[len(b)-1] ^= 1 }), OriginReplication, 0, 2, 0, 0},
		{"size", edit(good, func(b Batch) { b[10], b[11] = 0, 3 }), OriginReplication, 0, 2, 0, 0},
		{"codec 7", edit(good, func(b Batch) { b[22] = 7; b.updateCRC() }), OriginReplication, 0, 87, 0, 0},
	} {
		info, err := Analyze(c.in, c.origin, c.max)
		if kerr.Code(err) != c.code {
			t.Errorf("%s: %v, want code %d", c.name, err, c.code)
		}
		if err == nil && (info.Batches != c.batches || info.ValidBytes != c.valid) {
			t.Errorf("%s: %+v", c.name, info)
		}
	}
	o := DefaultOptions()
	o.BaseOffset, o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Codec = 3, 9, 0, 0, LZ4
	b := NewBuilder(o)
	b.Append(5, nil, nil)
	info, err := Analyze(append(bytes.Clone(moved), b.Bytes()...), OriginReplication, 0)
	want := Info{FirstOffset: 7, LastOffset: 3, LastOffsetOfFirstBatch: 9, MaxTimestamp: Batch(good).MaxTimestamp(), OffsetOfMaxTimestamp: 9,
		LogAppendTime: -1, Batches: 2, ValidBytes: info.ValidBytes, Records: 4, SourceCodec: LZ4, Magic: 2, HasProducerID: true}
	if err != nil || info != want {
		t.Errorf("got %+v, %v\nwant %+v", info, err, want)
	}
}

// bomb is a batch whose payload is one record with size zero bytes as value.
func bomb(c Codec, size int) []byte {
	o := DefaultOptions()
	o.Codec = c
	b := NewBuilder(o)
	b.Append(0, []byte("k"), make([]byte, size))
	return b.Bytes()
}

func TestDecompressionIsBounded(t *testing.T) {
	d := NewDecoder(1 << 20)
	for c := Gzip; c <= Zstd; c++ {
		b := Batch(bomb(c, 64<<20))
		if c == Snappy { // cannot be a bomb: 64 bytes take 3
			continue
		}
		err := b.ForEach(d, func(*Record) error { return nil })
		if kerr.Of(err) != kerr.MessageTooLarge {
			t.Errorf("%s: %v", c, err)
		}
		p := testPolicy()
		p.Decoder = d
		info, err := Analyze(b, OriginClient, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = Assign(b, info, 0, p); kerr.Of(err) != kerr.MessageTooLarge {
			t.Errorf("%s: %v", c, err)
		}
		// With room, the validator does not hold what it skips.
		p.Decoder = NewDecoder(0)
		if _, _, err = Assign(b, info, 0, p); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		f := p.Decoder.inflate(nil, None, Magic2)
		if n := cap(f.buf) + cap(f.scratch); n > 5<<20 {
			t.Errorf("%s: %d bytes held", c, n)
		}
	}
}

func TestHostileSizesAreNotBelieved(t *testing.T) {
	for _, c := range []struct {
		name    string
		codec   Codec
		payload []byte
	}{
		{"record of 2 GB", None, vec(t, "feffffff0f 00 00 00")},
		{"snappy block of 4 GB", Snappy, vec(t, "ffffffff0f 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00")},
		{"xerial block of 2 GB", Snappy, append([]byte(xerialHeader), vec(t, "00000001 00000001 7fffffff 00")...)},
		{"lz4 content size", LZ4, vec(t, "04224d18 68 70 ffffffffffffff7f 00 00000000")},
		{"zstd content size", Zstd, vec(t, "28b52ffd e0 ffffffffffffff7f 010000")},
		{"zstd window", Zstd, vec(t, "28b52ffd 00 f8 010000")},
	} {
		b := Batch(testBatch(None, Magic2, 1)[:BatchOverhead:BatchOverhead])
		b = append(b, c.payload...)
		b[22] = byte(c.codec)
		binary.BigEndian.PutUint32(b[posSize:], uint32(len(b)-LogOverhead))
		b.updateCRC()
		allocated := testing.AllocsPerRun(1, func() {
			if err := b.ForEach(nil, func(*Record) error { return nil }); err == nil {
				t.Errorf("%s: no error", c.name)
			}
		})
		if allocated > 200 {
			t.Errorf("%s: %v allocations", c.name, allocated)
		}
	}
}

func TestSequencesWrap(t *testing.T) {
	for _, c := range []struct{ seq, delta, want int32 }{{0, 5, 5}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 3, 1}, {math.MaxInt32, 0, math.MaxInt32}} {
		if got := AddSequence(c.seq, c.delta); got != c.want {
			t.Errorf("%d + %d = %d, want %d", c.seq, c.delta, got, c.want)
		}
	}
}

func TestVarintsAsJava(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, -64, 64, 8191, 8192, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		b := appendVarlong(nil, v)
		if got, n := varlong(b); got != v || n != len(b) || sizeVarlong(v) != n {
			t.Errorf("%d: %x is %d, %d bytes, size %d", v, b, got, n, sizeVarlong(v))
		}
		if int64(int32(v)) != v {
			continue
		}
		b = appendVarint(nil, int32(v))
		if got, n := varint(b); got != int32(v) || n != len(b) || sizeVarint(int32(v)) != n {
			t.Errorf("%d: %x is %d, %d bytes, size %d", v, b, got, n, sizeVarint(int32(v)))
		}
	}
	for s, want := range map[string]int{"": 0, "80": 0, "ffffffff": 0, "ffffffff0f": 5, "ffffffff7f": 5, "ffffffffff": -1, "8000": 2} {
		if _, n := varint(vec(t, s)); n != want {
			t.Errorf("varint %s: %d, want %d", s, n, want)
		}
	}
	for s, want := range map[string]int{"ffffffffffffffffff01": 10, "ffffffffffffffffffff": -1, "ffffffffffffffffff": 0} {
		if _, n := varlong(vec(t, s)); n != want {
			t.Errorf("varlong %s: %d, want %d", s, n, want)
		}
	}
}

func TestXXH32(t *testing.T) {
	for s, want := range map[string]uint32{"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff, "Nobody inspects the spammish repetition": 0xe2293b2f} {
		if got := xxh32([]byte(s)); got != want {
			t.Errorf("%q: %08x, want %08x", s, got, want)
		}
	}
}

func TestLZ4FramesOfOtherClients(t *testing.T) {
	plain := bytes.Repeat([]byte("some text, some more text; "), 9000)
	b := goClientLZ4(func() []byte {
		o := DefaultOptions()
		o.Codec = LZ4
		w := NewBuilder(o)
		w.Append(0, nil, plain)
		return w.Bytes()
	}())
	if err := Batch(b).ForEach(nil, func(r *Record) error {
		if !bytes.Equal(r.Value, plain) {
			return errors.New("other value")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestBuilderRefusesWhatTheFormatCannotHold(t *testing.T) {
	for name, fn := range map[string]func() *Builder{
		"headers in magic 1": func() *Builder {
			b := NewBuilder(BuilderOptions{Magic: 1})
			b.Append(0, nil, nil, Header{Key: "h"})
			return b
		},
		"zstd in magic 1":  func() *Builder { return NewBuilder(BuilderOptions{Magic: 1, Codec: Zstd}) },
		"magic 3":          func() *Builder { return NewBuilder(BuilderOptions{Magic: 3}) },
		"codec 5":          func() *Builder { return NewBuilder(BuilderOptions{Magic: 2, Codec: 5}) },
		"transaction in 1": func() *Builder { return NewBuilder(BuilderOptions{Magic: 1, Transactional: true}) },
		"offset twice": func() *Builder {
			b := NewBuilder(DefaultOptions())
			b.AppendAt(3, 0, nil, nil)
			b.AppendAt(3, 0, nil, nil)
			return b
		},
		"offset far":   func() *Builder { b := NewBuilder(DefaultOptions()); b.AppendAt(1<<31, 0, nil, nil); return b },
		"timestamp -2": func() *Builder { b := NewBuilder(DefaultOptions()); b.Append(-2, nil, nil); return b },
	} {
		if b := fn(); b.Err() == nil || b.Bytes() != nil {
			t.Errorf("%s: no error", name)
		}
	}
	if b := NewBuilder(DefaultOptions()); b.Bytes() != nil || b.Err() != nil {
		t.Error("an empty builder")
	}
}

func TestForEachStopsAtTheCallbacksError(t *testing.T) {
	for magic := Magic0; magic <= Magic2; magic++ {
		n := 0
		b, _, _ := Next(testBatch(Gzip, magic, 5))
		err := b.ForEach(nil, func(*Record) error {
			if n++; n == 2 {
				return io.ErrClosedPipe
			}
			return nil
		})
		if err != io.ErrClosedPipe || n != 2 {
			t.Errorf("magic %d: %v after %d", magic, err, n)
		}
	}
}

func TestDecoderIsSharedByGoroutines(t *testing.T) {
	d := NewDecoder(0)
	errs := make(chan error)
	for c := None; c <= Zstd; c++ {
		for range 2 {
			go func() {
				b, n := Batch(testBatch(c, Magic2, 50)), 0
				for range 20 {
					if err := b.ForEach(d, func(r *Record) error { n++; return nil }); err != nil {
						errs <- err
						return
					}
				}
				if n != 1000 {
					errs <- fmt.Errorf("%s: %d records", c, n)
					return
				}
				errs <- nil
			}()
		}
	}
	for range 10 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// legacyMessage is one message of magic 0 or 1, or of a magic that messages do not have.
func legacyMessage(magic int8, attributes byte, offset int64, value []byte, more ...byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(offset))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(magic), attributes)
	if magic != Magic0 {
		b = binary.BigEndian.AppendUint64(b, 1_600_000_000_000)
	}
	b = append(b, 0, 0, 0, 1, 'k')
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
	b = append(b, more...)
	binary.BigEndian.PutUint32(b[posSize:], uint32(len(b)-LogOverhead))
	binary.BigEndian.PutUint32(b[posLegacyCRC:], crc32.ChecksumIEEE(b[posMagic:]))
	return b
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// An inner message of another magic than its wrapper's is the record's fault, whichever it is: only
// a bad checksum behind it is worse.
func TestInnerMessagesOfAnotherMagicAreRefused(t *testing.T) {
	for outer := Magic0; outer <= Magic1; outer++ {
		for _, inner := range []int8{Magic0, Magic1, Magic2, 3, -1} {
			if inner == outer {
				continue
			}
			set := append(legacyMessage(inner, 0, 0, []byte("odd")), legacyMessage(outer, 0, 1, []byte("good"))...)
			bad := bytes.Clone(set)
			bad[len(bad)-1] ^= 1
			packed := append(legacyMessage(inner, 1, 0, []byte("odd")), legacyMessage(outer, 0, 1, []byte("good"))...)
			for _, c := range []struct {
				name   string
				set    []byte
				want   *kerr.Error
				single bool // the fault is one record's
			}{{"alone", set, kerr.InvalidRecord, true}, {"before a bad checksum", bad, kerr.CorruptMessage, false}, {"compressed itself", packed, kerr.InvalidRecord, false}} {
				for to := Magic0; to <= Magic2; to++ {
					in := legacyMessage(outer, byte(Gzip), 1, gzipped(t, c.set))
					info, err := Analyze(in, OriginClient, 0)
					if err != nil {
						t.Fatal(err)
					}
					p := &Policy{Rules: Rules{RecordVersion: to, CompressionType: "producer", MaxTimestampDifferenceMs: math.MaxInt64}, Origin: OriginClient, Now: 1_600_000_000_000}
					_, _, err = Assign(in, info, 5, p)
					v, ok := errors.AsType[*ValidationError](err)
					if !ok || v.Err != c.want || (len(v.Records) == 1 && v.Records[0].Index == 0) != c.single {
						t.Errorf("wrapper of magic %d with magic %d %s to magic %d: %v", outer, inner, c.name, to, err)
					}
				}
			}
		}
	}
}

// Kafka does not look at what follows the value of a message: it is stored with it, and gone once
// the message is written anew.
func TestBytesBehindAValueAreNobodys(t *testing.T) {
	for magic := Magic0; magic <= Magic1; magic++ {
		plain := legacyMessage(magic, 0, 0, []byte("value"), 1, 2, 3)
		for _, in := range [][]byte{plain, legacyMessage(magic, byte(Gzip), 0, gzipped(t, plain))} {
			for to := Magic0; to <= Magic2; to++ {
				info, err := Analyze(in, OriginClient, 0)
				if err != nil {
					t.Fatal(err)
				}
				p := &Policy{Rules: Rules{RecordVersion: to, CompressionType: "producer", MaxTimestampDifferenceMs: math.MaxInt64}, Origin: OriginClient, Now: 1_600_000_000_000}
				out, _, err := Assign(bytes.Clone(in), info, 5, p)
				if err != nil {
					t.Errorf("magic %d to %d: %v", magic, to, err)
					continue
				}
				b, _, err := Next(out)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				if err := b.ForEach(nil, func(r *Record) error {
					n++
					if r.Offset != 5 || string(r.Key) != "k" || string(r.Value) != "value" {
						t.Errorf("magic %d to %d: %d %q=%q", magic, to, r.Offset, r.Key, r.Value)
					}
					return nil
				}); err != nil || n != 1 {
					t.Errorf("magic %d to %d: %d records, %v", magic, to, n, err)
				}
			}
		}
	}
}

// A builder that is used again makes what a new one makes, whatever it made before.
func TestBuilderReset(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	var again Builder
	for i := range 500 {
		o := DefaultOptions()
		o.Magic = int8(rnd.Intn(3))
		if o.Codec = Codec(rnd.Intn(5)); o.Codec == Zstd && o.Magic < Magic2 {
			o.Codec = None
		}
		o.BaseOffset = rnd.Int63n(100)
		fresh := NewBuilder(o)
		again.Reset(o)
		value := make([]byte, rnd.Intn(1<<rnd.Intn(17)))
		for range rnd.Intn(4) {
			for j := range value {
				value[j] = byte(rnd.Intn(3))
			}
			at := rnd.Int63n(1000)
			fresh.Append(at, []byte("key"), value)
			again.Append(at, []byte("key"), value)
		}
		if rnd.Intn(10) == 0 {
			continue // and never completed
		}
		if got, want := again.Bytes(), fresh.Bytes(); !bytes.Equal(got, want) {
			t.Fatalf("batch %d of magic %d with %s: %d bytes unlike the %d of a new builder", i, o.Magic, o.Codec, len(got), len(want))
		}
	}
}
