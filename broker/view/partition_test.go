package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"momus/internal/model"
	"momus/storage/record"
)

var somewhere = model.TopicPartition{Topic: "t"}

// batchOf is a batch of records with these values, from offset base on.
func batchOf(base int64, codec record.Codec, values ...[]byte) []byte {
	o := record.DefaultOptions()
	o.BaseOffset, o.Codec = base, codec
	b := record.NewBuilder(o)
	for _, v := range values {
		b.Append(1_600_000_000_000, nil, v)
	}
	return b.Bytes()
}

func numbered(n int) (values [][]byte) {
	for i := range n {
		values = append(values, fmt.Append(nil, i))
	}
	return values
}

func mustShow(t *testing.T, buf []byte, offset int64) []Batch {
	t.Helper()
	list, err := shownBatches(somewhere, buf, offset)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A marker says what became of the transaction.
func TestMarkersAreNamed(t *testing.T) {
	for commit, want := range map[bool]string{true: "COMMIT", false: "ABORT"} {
		if list := mustShow(t, record.ControlBatch(1, 0, 0, commit, 1_600_000_000_000), 0); len(list) != 1 || list[0].Control != want {
			t.Errorf("%+v, want %s", list, want)
		}
	}
}

// A page shows as many records as it has room for, from the offset that was asked for, also where
// that is in the midst of a batch.
func TestRecordsOfAPageAreBounded(t *testing.T) {
	buf := append(batchOf(0, record.Gzip, numbered(500)...), batchOf(500, record.None, []byte("next"))...)
	for _, c := range []struct {
		offset, first int64
		shown         int
		cut           bool
		batches       int
	}{{0, 0, 200, true, 1}, {250, 250, 200, true, 1}, {300, 300, 200, false, 1}, {400, 400, 100, false, 2}} {
		list := mustShow(t, buf, c.offset)
		if x := list[0]; len(list) != c.batches || len(x.Records) != c.shown || x.Records[0].Offset != c.first || x.Cut != c.cut {
			t.Errorf("from %d: %d batches, %d records of the first from %d, cut is %v", c.offset, len(list), len(x.Records), x.Records[0].Offset, x.Cut)
		}
	}
}

// A batch that decompresses to more than a page may take is shown without what does not fit, and
// does not hide those behind it.
func TestABombIsNotDecompressed(t *testing.T) {
	for _, codec := range []record.Codec{record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			buf := batchOf(0, codec, []byte("small"), make([]byte, 4*maxPayload))
			buf = append(buf, batchOf(2, record.None, []byte("next"))...)
			list := mustShow(t, buf, 0)
			if len(list) != 2 || !list[0].Cut || list[0].Last != 1 || len(list[1].Records) != 1 {
				t.Errorf("%d batches: %+v", len(list), list)
			}
		})
	}
}

// A record may have more headers than anybody reads, and keys of headers may be long.
func TestHeadersAreBounded(t *testing.T) {
	b := record.NewBuilder(record.DefaultOptions())
	headers := make([]record.Header, 10_000)
	headers[0].Key = strings.Repeat("k", 3*maxShown)
	b.Append(0, nil, nil, headers...)
	got := mustShow(t, b.Bytes(), 0)[0].Records[0].Headers
	if len(got) != maxHeaders || len(got[0].Key) != maxShown {
		t.Errorf("%d headers, the key of the first has %d bytes", len(got), len(got[0].Key))
	}
}

// The header is enough for a batch that is too large to be read.
func TestAHugeBatchIsItsHeader(t *testing.T) {
	whole := batchOf(7, record.None, bytes.Repeat([]byte("x"), 1000), nil)
	x := shownBatch(whole[:100])
	if x.Base != 7 || x.Last != 8 || x.Codec != "none" || x.Magic != 2 {
		t.Errorf("%+v", x)
	}
}
