package record

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"
)

// The golden cases are log directories of a real Kafka 2.5.0 (testdata/golden/*.tar.gz) and what
// its Java consumer and DumpLogSegments read from them (*.json.gz).
var goldenCases = []string{"codecs-v2", "magic-0-1", "transactions"}

type goldenRecord struct {
	offset, timestamp int64
	timestampType     int
	key, value        []byte
	headers           []Header
}

// UnmarshalJSON reads [offset, timestamp, type, leader epoch, key, value, [[header, value] …]].
func (g *goldenRecord) UnmarshalJSON(b []byte) error {
	var epoch *int32
	var headers [][2]json.RawMessage
	if err := json.Unmarshal(b, &[]any{&g.offset, &g.timestamp, &g.timestampType, &epoch, &g.key, &g.value, &headers}); err != nil {
		return err
	}
	for _, h := range headers {
		var x Header
		if err := json.Unmarshal(h[0], &x.Key); err != nil {
			return err
		}
		if err := json.Unmarshal(h[1], &x.Value); err != nil {
			return err
		}
		g.headers = append(g.headers, x)
	}
	return nil
}

type golden struct {
	Partitions map[string]struct {
		LogStartOffset int64          `json:"log_start_offset"`
		Records        []goldenRecord `json:"records"`
	} `json:"partitions"`
	Dump map[string]struct {
		Cols []string `json:"cols"`
		Rows [][]any  `json:"rows"`
	} `json:"dump"`
	logs map[string][]byte // .log files by path
}

func loadGolden(t testing.TB, name string) *golden {
	t.Helper()
	unzip := func(file string) io.Reader {
		b, err := os.ReadFile("testdata/golden/" + file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	g := &golden{logs: map[string][]byte{}}
	if err := json.NewDecoder(unzip(name + ".json.gz")).Decode(g); err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(unzip(name + ".tar.gz")); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(h.Name, ".log") {
			b, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			g.logs[strings.TrimPrefix(h.Name, "./")] = b
		}
	}
}

// partition joins the segments of a partition.
func (g *golden) partition(name string) (log []byte) {
	var files []string
	for f := range g.logs {
		if path.Base(path.Dir(f)) == name {
			files = append(files, f)
		}
	}
	sort.Strings(files)
	for _, f := range files {
		log = append(log, g.logs[f]...)
	}
	return log
}

func eachBatch(t testing.TB, log []byte, fn func(pos int, b Batch)) {
	t.Helper()
	for rest := log; ; {
		b, r, err := Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			if len(rest) != 0 {
				t.Fatalf("%d bytes left", len(rest))
			}
			return
		}
		fn(len(log)-len(rest), b)
		rest = r
	}
}

func TestGoldenLogsReadAsTheJavaConsumerReadsThem(t *testing.T) {
	for _, name := range goldenCases {
		g := loadGolden(t, name)
		total := 0
		for tp, p := range g.Partitions {
			t.Run(name+"/"+tp, func(t *testing.T) {
				want := p.Records
				total += len(want)
				eachBatch(t, g.partition(tp), func(_ int, b Batch) {
					if err := b.Verify(); err != nil {
						t.Fatal(err)
					}
					if b.IsControl() {
						return
					}
					err := b.ForEach(nil, func(r *Record) error {
						if r.Offset < p.LogStartOffset {
							return nil
						}
						if len(want) == 0 {
							return fmt.Errorf("record at %d, want none", r.Offset)
						}
						w := want[0]
						want = want[1:]
						if r.Offset != w.offset || r.Timestamp != w.timestamp || int(b.TimestampType()) != w.timestampType {
							return fmt.Errorf("got offset %d timestamp %d %v, want %d %d %d", r.Offset, r.Timestamp, b.TimestampType(),
								w.offset, w.timestamp, w.timestampType)
						}
						if !same(r.Key, w.key) || !same(r.Value, w.value) {
							return fmt.Errorf("offset %d: got key %q value %q, want %q %q", r.Offset, r.Key, r.Value, w.key, w.value)
						}
						if hs := r.Headers(); r.HeaderCount() != len(hs) || !slices.EqualFunc(hs, w.headers, sameHeader) {
							return fmt.Errorf("offset %d: got headers %q, want %q", r.Offset, hs, w.headers)
						}
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
				})
				if len(want) != 0 {
					t.Fatalf("%d records are missing, first %d", len(want), want[0].offset)
				}
			})
		}
		if total == 0 {
			t.Errorf("%s: nothing was compared", name)
		}
	}
}

// same compares bytes and nullness.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func sameHeader(a, b Header) bool { return a.Key == b.Key && same(a.Value, b.Value) }

func TestGoldenBatchHeadersAsDumpLogSegmentsPrintsThem(t *testing.T) {
	for _, name := range goldenCases {
		g := loadGolden(t, name)
		for file, d := range g.Dump {
			if !strings.HasSuffix(file, ".log") {
				continue
			}
			rows := d.Rows
			eachBatch(t, g.logs[file], func(pos int, b Batch) {
				if len(rows) == 0 {
					t.Fatalf("%s: batch at %d, want none", file, pos)
				}
				got := map[string]any{
					"position": pos, "size": b.Size(), "magic": b.Magic(), "compresscodec": strings.ToUpper(b.Codec().String()),
					"crc": b.CRC(), "isvalid": b.Verify() == nil, "timestampType": b.TimestampType(), "timestamp": b.MaxTimestamp(),
					"offset": b.BaseOffset(), "baseOffset": b.BaseOffset(), "lastOffset": b.LastOffset(), "count": b.Count(),
					"baseSequence": b.BaseSequence(), "lastSequence": b.LastSequence(), "producerId": b.ProducerID(),
					"producerEpoch": b.ProducerEpoch(), "partitionLeaderEpoch": b.LeaderEpoch(),
					"isTransactional": b.IsTransactional(), "isControl": b.IsControl(),
				}
				for i, col := range d.Cols {
					want := rows[0][i]
					if want == nil {
						continue // a column of the other format
					}
					if f, ok := want.(float64); ok {
						want = int64(f)
					}
					if v, ok := got[col]; !ok || fmt.Sprint(v) != fmt.Sprint(want) {
						t.Errorf("%s at %d: %s = %v, want %v", file, pos, col, v, want)
					}
				}
				rows = rows[1:]
			})
			if len(rows) != 0 {
				t.Errorf("%s: %d batches are missing", file, len(rows))
			}
		}
	}
}

func TestGoldenControlRecords(t *testing.T) {
	g := loadGolden(t, "transactions")
	seen := map[ControlType]int{}
	for _, log := range g.logs {
		eachBatch(t, log, func(_ int, b Batch) {
			if !b.IsControl() {
				return
			}
			if b.Size() != 78 || b.BaseSequence() != NoSequence || !b.IsTransactional() {
				t.Errorf("marker of %d bytes, sequence %d", b.Size(), b.BaseSequence())
			}
			ct, epoch, err := b.ControlType()
			if err != nil {
				t.Fatal(err)
			}
			seen[ct]++
			again := Batch(ControlBatch(b.ProducerID(), b.ProducerEpoch(), epoch, ct == ControlCommit, b.MaxTimestamp()))
			again.SetBaseOffset(b.BaseOffset())
			again.SetLeaderEpoch(b.LeaderEpoch())
			if !bytes.Equal(again, b) {
				t.Errorf("marker at %d:\n got %x\nwant %x", b.BaseOffset(), again, b)
			}
		})
	}
	if seen[ControlAbort] == 0 || seen[ControlCommit] == 0 {
		t.Errorf("markers seen: %v", seen)
	}
}

// TestGoldenUncompressedBatchesAreRebuiltByteForByte feeds what Kafka wrote through the Builder.
func TestGoldenUncompressedBatchesAreRebuiltByteForByte(t *testing.T) {
	n := 0
	for _, name := range goldenCases {
		for file, log := range loadGolden(t, name).logs {
			eachBatch(t, log, func(_ int, b Batch) {
				if b.IsCompressed() || b.Count() == 0 {
					return
				}
				n++
				o := BuilderOptions{Magic: b.Magic(), TimestampType: b.TimestampType(), BaseOffset: b.BaseOffset(), LogAppendTime: b.MaxTimestamp(),
					ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), BaseSequence: b.BaseSequence(), LeaderEpoch: b.LeaderEpoch(),
					Transactional: b.IsTransactional(), Control: b.IsControl()}
				w := NewBuilder(o)
				if err := b.ForEach(nil, func(r *Record) error {
					w.AppendAt(r.Offset, r.Timestamp, r.Key, r.Value, r.Headers()...)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if got := w.Bytes(); !bytes.Equal(got, b) {
					t.Fatalf("%s at %d: %v\n got %x\nwant %x", file, b.BaseOffset(), w.Err(), got, []byte(b))
				}
			})
		}
	}
	if n < 100 {
		t.Errorf("only %d batches", n)
	}
}
