package record

import (
	"bytes"
	"fmt"
	"testing"
)

// retainBatch builds a batch of n records at offset 100 with keys 0 to n-1.
func retainBatch(t *testing.T, o BuilderOptions, n int) Batch {
	t.Helper()
	b := NewBuilder(o)
	for i := range n {
		var headers []Header
		if o.Magic == Magic2 && i%3 == 0 {
			headers = []Header{{Key: "h", Value: []byte{byte(i)}}, {Key: "null"}}
		}
		value := fmt.Append(nil, "value ", i)
		if i%4 == 1 {
			value = nil
		}
		b.AppendAt(o.BaseOffset+int64(2*i), 5000-int64(i*i%7), fmt.Append(nil, i), value, headers...)
	}
	out := b.Bytes()
	if out == nil {
		t.Fatal(b.Err())
	}
	return out
}

func TestRetain(t *testing.T) {
	keeps := map[string]func(i int) bool{
		"all": func(int) bool { return true }, "none": func(int) bool { return false }, "first": func(i int) bool { return i == 0 },
		"last": func(i int) bool { return i == 999 }, "even": func(i int) bool { return i%2 == 0 }, "odd": func(i int) bool { return i%2 == 1 },
		"all but the last": func(i int) bool { return i != 999 },
	}
	for _, magic := range []int8{Magic1, Magic2} {
		for codec := None; codec <= Zstd; codec++ {
			if magic < Magic2 && (codec == Zstd || codec == None) {
				continue
			}
			for _, ts := range []TimestampType{CreateTime, LogAppendTime} {
				o := DefaultOptions()
				o.Magic, o.Codec, o.TimestampType, o.BaseOffset, o.LogAppendTime = magic, codec, ts, 100, 7777
				if magic == Magic2 {
					o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.LeaderEpoch, o.Transactional = 5, 6, 7, 8, true
				}
				b := retainBatch(t, o, 1000)
				for name, keep := range keeps {
					what := fmt.Sprintf("magic %d, %v, %v, %s", magic, codec, ts, name)
					i := -1
					got, did, err := b.Retain([]byte("before"), nil, func(*Record) bool { i++; return keep(i) })
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					got, ok := bytes.CutPrefix(got, []byte("before"))
					if !ok || i != 999 || did.Records+did.Dropped != 1000 {
						t.Fatalf("%s: asked %d times, %+v", what, i+1, did)
					}
					checkRetained(t, what, b, got, did, keep)
				}
			}
		}
	}
}

func checkRetained(t *testing.T, what string, b, got Batch, did Retained, keep func(i int) bool) {
	t.Helper()
	var want []string
	var last, largest int64 = -1, -1
	i := 0
	describe := func(r *Record) string {
		return fmt.Sprintf("%d %d %q %q %t %q", r.Offset, r.Timestamp, r.Key, r.Value, r.Value == nil, r.Headers())
	}
	err := b.ForEach(nil, func(r *Record) error {
		if keep(i) {
			want = append(want, describe(r))
			last, largest = r.Offset, max(largest, r.Timestamp)
		}
		i++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if did.Records != len(want) {
		t.Fatalf("%s: kept %d, not %d", what, did.Records, len(want))
	}
	switch len(want) {
	case 0:
		if len(got) != 0 {
			t.Errorf("%s: %d bytes of nothing", what, len(got))
		}
		return
	case 1000:
		if !bytes.Equal(got, b) || did.OffsetOfMaxTimestamp != b.LastOffset() {
			t.Errorf("%s: changed", what)
		}
		return
	}
	out, rest, err := Next(got)
	if err != nil || out == nil || len(rest) > 0 {
		t.Fatalf("%s: result is no batch: %v", what, err)
	}
	if err := out.Verify(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	var found []string
	if err := out.ForEach(nil, func(r *Record) error { found = append(found, describe(r)); return nil }); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("%s: found %v, not %v", what, found, want)
	}
	header := func(b Batch) string {
		return fmt.Sprint(b.Magic(), b.Codec(), b.TimestampType(), b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), b.LastSequence(), b.LeaderEpoch(),
			b.IsTransactional(), b.IsControl())
	}
	if header(out) != header(b) || out.MaxTimestamp() != largest || did.MaxTimestamp != largest {
		t.Errorf("%s: header %s, max timestamp %d, %+v; of the original %s, %d", what, header(out), out.MaxTimestamp(), did, header(b), largest)
	}
	end := last
	if b.Magic() == Magic2 {
		end = b.LastOffset()
		if out.BaseOffset() != b.BaseOffset() {
			t.Errorf("%s: base offset %d", what, out.BaseOffset())
		}
	}
	if out.LastOffset() != end || did.OffsetOfMaxTimestamp != end {
		t.Errorf("%s: last offset %d, %+v, not %d", what, out.LastOffset(), did, end)
	}
}

func TestAppendEmpty(t *testing.T) {
	o := DefaultOptions()
	o.Codec, o.BaseOffset, o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.LeaderEpoch, o.Transactional = LZ4, 100, 5, 6, 7, 8, true
	b := retainBatch(t, o, 10)
	e, rest, err := Next(b.AppendEmpty(nil))
	if err != nil || len(rest) != 0 || len(e) != BatchOverhead {
		t.Fatalf("%d bytes: %v", len(e), err)
	}
	if err := e.Verify(); err != nil {
		t.Error(err)
	}
	got := fmt.Sprint(e.BaseOffset(), e.LastOffset(), e.Count(), e.Codec(), e.FirstTimestamp(), e.MaxTimestamp(), e.ProducerID(), e.ProducerEpoch(),
		e.BaseSequence(), e.LastSequence(), e.LeaderEpoch(), e.IsTransactional(), e.IsControl(), e.TimestampType())
	if want := fmt.Sprint(100, 118, 0, None, -1, b.MaxTimestamp(), 5, 6, 7, b.LastSequence(), 8, true, false, CreateTime); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if again := e.AppendEmpty(nil); !bytes.Equal(again, e) {
		t.Error("emptied again it is another")
	}
}
