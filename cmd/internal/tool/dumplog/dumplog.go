// Package dumplog is kafka-dump-log: segment files, indexes and snapshots as text. It reads files
// alone, never a broker.
package dumplog

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
	producerstate "momus/storage/producer"
	"momus/storage/record"
)

// dumpLogOptions are those of kafka.tools.DumpLogSegments; the kind of a file is told by its
// suffix.
func dumpLogOptions() *options.Options {
	return options.Read("This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment.", `
		--print-data-log               print keys and values
		--verify-index-only            only check indexes, print nothing of them
		--index-sanity-check           check indexes as a broker does when it starts
		--files <FILE,…>               the files: .log, .index, .timeindex, .snapshot, .txnindex
		--max-message-size <BYTES>     the largest batch to look for behind an index entry (default: 5242880)
		--deep-iteration               print every record
		--value-decoder-class [CLASS]  how values become text: kafka.serializer.StringDecoder, DefaultDecoder, LongDecoder or IntegerDecoder (default: kafka.serializer.StringDecoder)
		--key-decoder-class [CLASS]    how keys become text (default: kafka.serializer.StringDecoder)
		--offsets-decoder              read the records of __consumer_offsets
		--transaction-log-decoder      read the records of __transaction_state
	`).Standard().Requires("files")
}

// dump is one run of kafka-dump-log: what was found wrong is reported at the end.
type dump struct {
	c              *core.Call
	o              *options.Options
	max            int64
	mismatches     map[string][][2]int64 // offset in the index, offset in the log
	wrongTimes     map[string][][2]int64 // time in the index, latest in the batch, both in ms
	disorder       map[string][][2]int64 // time in the index, the one indexed before it
	notFound       map[string][][2]int64 // offset in the index, last offset of the batch found, or -1
	nonConsecutive map[string][][2]int64 // offset, the one that follows it in the log
	files          []string
	bar            *screen.Progress
	before         int64 // bytes of the files that are done
}

// fileList splits --files as Java does, which drops empty words at the end unless there is nothing
// else to split.
func fileList(list string) []string {
	if list = strings.TrimRight(list, ","); list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// Tool is kafka-dump-log.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-dump-log", Help: "print segment files, indexes and snapshots", Class: "kafka.tools.DumpLogSegments"}.
		Begun(dumpLogOptions, core.WithTexts(dumpLog, "files"))
}

// dumpLog dumps file after file; what is inconsistent in them is told at the end, on standard
// error.
func dumpLog(_ context.Context, c *core.Call, o *options.Options, texts map[string]string) (err error) {
	d := &dump{c: c, o: o, mismatches: map[string][][2]int64{}, wrongTimes: map[string][][2]int64{}, disorder: map[string][][2]int64{},
		notFound: map[string][][2]int64{}, nonConsecutive: map[string][][2]int64{}}
	if d.max, err = o.Number("max-message-size", 32); err != nil {
		return err
	}
	if !c.Terminal.Out { // there the lines show where it is
		d.bar = c.NewProgress("dump", largeFiles(fileList(texts["files"])), true)
		defer d.bar.Done()
	}
	for _, file := range fileList(texts["files"]) {
		d.files = append(d.files, file)
		c.Printf("Dumping %s\n", file)
		if err := d.file(file); err != nil {
			return err
		}
	}
	d.bar.Done()
	d.report()
	return nil
}

// largeFiles is the size of the .log files in bytes; 0 when it is not worth a progress bar.
func largeFiles(files []string) int64 {
	total := int64(0)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && filepath.Ext(f) == ".log" {
			total += info.Size()
		}
	}
	if total < 8<<20 {
		return 0
	}
	return total
}

// file dumps one file by what its suffix says it is.
func (d *dump) file(file string) error {
	suffix := filepath.Ext(file)
	switch suffix {
	case "":
		return fmt.Errorf("%s: the kind of a file is in its suffix: .log, .index, .timeindex, .snapshot or .txnindex", file)
	case ".log":
		decode, err := d.decoder()
		if err != nil {
			return err
		}
		return d.log(file, decode)
	case ".index":
		return d.index(file)
	case ".timeindex":
		return d.timeIndex(file)
	case ".snapshot":
		return d.snapshot(file)
	case ".txnindex":
		return d.txnIndex(file)
	}
	d.c.Errorf("Ignoring unknown file %s\n", file)
	return nil
}

// report lists on standard error what did not fit together, in the order of the files.
func (d *dump) report() {
	list := func(found map[string][][2]int64, head, line string) {
		for _, f := range d.files {
			if len(found[f]) == 0 {
				continue
			}
			absolute, err := filepath.Abs(f)
			if err != nil {
				absolute = f
			}
			if strings.Contains(head, "%s") {
				d.c.Errorf(head, absolute)
			} else {
				d.c.Errorf("%s", head)
			}
			for _, x := range found[f] {
				d.c.Errorf(line, x[0], x[1])
			}
		}
	}
	list(d.mismatches, "Mismatches in :%s\n", "  Index offset: %d, log offset: %d\n")
	list(d.wrongTimes, "Found timestamp mismatch in :%s\n", "  Index timestamp: %d, log timestamp: %d\n")
	list(d.disorder, "Found out of order timestamp in :%s\n", "  Index timestamp: %d, Previously indexed timestamp: %d\n")
	list(d.notFound, "The following indexed offsets are not found in the log.\n", "Indexed offset: %d, found log offset: %d\n")
	list(d.nonConsecutive, "Non-consecutive offsets in %s\n", "  %d is followed by %d\n")
}

// baseOffset is the number in the name of a file.
func baseOffset(file string) (int64, error) {
	digits, _, _ := strings.Cut(filepath.Base(file), ".")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, &java.Error{Class: "java.lang.NumberFormatException", Text: fmt.Sprintf("For input string: %q", digits),
			Cause: errors.New("the name of the file has to begin with its base offset")}
	}
	return n, nil
}

// open opens a file with Java's error for one that is missing.
func open(file string) (*os.File, error) {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, core.MissingFile(&java.Error{Class: "java.nio.file.NoSuchFileException", Text: file}, file)
	}
	return f, err
}

// batches reads whole batches from a position on; fn tells whether to go on. It returns the number
// of bytes read as batches.
func batches(file string, from int64, fn func(b record.Batch, position int64) (bool, error)) (int64, error) {
	f, err := open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(f, 1<<20)
	position := from
	for {
		// Fewer bytes are the end, or what a crash has cut off.
		head, err := in.Peek(record.LogOverhead)
		if err != nil {
			return position - from, nil
		}
		size := int64(int32(binary.BigEndian.Uint32(head[8:]))) + record.LogOverhead
		// The smallest message of the formats 0 and 1 has 14 bytes: CRC, magic, attributes and two
		// lengths. Later bytes that make no sense are reported as invalid by the caller.
		if size < record.LogOverhead+14 || position+size > info.Size() {
			return position - from, nil
		}
		buf := make([]byte, size)
		if _, err := io.ReadFull(in, buf); err != nil {
			return position - from, nil
		}
		b, _, err := record.Next(buf)
		if err != nil || b == nil {
			return position - from, nil
		}
		more, err := fn(b, position)
		if err != nil || !more {
			return position - from, err
		}
		position += size
	}
}

// log prints the batches, and with --deep-iteration or a decoder their records. An offset that does
// not follow the one before is noted: compaction leaves such gaps, a damaged file, too.
func (d *dump) log(file string, decode textDecoder) error {
	base, err := baseOffset(file)
	if err != nil {
		return err
	}
	d.c.Printf("Starting offset: %d\n", base)
	deep := decode != nil || d.o.Has("deep-iteration")
	decoder := record.NewDecoder(record.DefaultMaxDecompressed)
	last := int64(-1)
	n, err := batches(file, 0, func(b record.Batch, position int64) (bool, error) {
		d.batchLine(b, position)
		d.bar.Set(d.before + position)
		if !deep {
			return true, nil
		}
		return true, b.ForEach(decoder, func(r *record.Record) error {
			if last >= 0 && r.Offset != last+1 {
				d.nonConsecutive[file] = append(d.nonConsecutive[file], [2]int64{last, r.Offset})
			}
			last = r.Offset
			d.recordLine(b, r, decode)
			return nil
		})
	})
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	d.before += info.Size()
	if rest := info.Size() - n; rest > 0 {
		d.c.Printf("Found %d invalid bytes at the end of %s\n", rest, filepath.Base(file))
	}
	return nil
}

// timestampType is the name of Kafka's enum.
func timestampType(t record.TimestampType) string {
	switch t {
	case record.NoTimestampType:
		return "NoTimestampType"
	case 1:
		return "LogAppendTime"
	}
	return "CreateTime"
}

// batchLine is the line of a batch; those before format 2 are single messages or wrappers and have
// only their last offset.
func (d *dump) batchLine(b record.Batch, position int64) {
	if b.Magic() >= 2 {
		d.c.Printf("baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d partitionLeaderEpoch: %d isTransactional: %t isControl: %t",
			b.BaseOffset(), b.LastOffset(), b.Count(), b.BaseSequence(), b.LastSequence(), b.ProducerID(), b.ProducerEpoch(), b.LeaderEpoch(), b.IsTransactional(), b.IsControl())
	} else {
		d.c.Printf("offset: %d", b.LastOffset())
	}
	d.c.Printf(" position: %d %s: %d size: %d magic: %d compresscodec: %s crc: %d isvalid: %t\n", position, timestampType(b.TimestampType()), b.MaxTimestamp(),
		b.Size(), b.Magic(), strings.ToUpper(b.Codec().String()), b.CRC(), b.Verify() == nil)
}

// recordLine is the line of a record: sizes are -1 for null, control records say which marker they
// are.
func (d *dump) recordLine(b record.Batch, r *record.Record, decode textDecoder) {
	size := func(x []byte) int {
		if x == nil {
			return -1
		}
		return len(x)
	}
	c := d.c
	c.Printf("| offset: %d %s: %d keysize: %d valuesize: %d", r.Offset, timestampType(b.TimestampType()), r.Timestamp, size(r.Key), size(r.Value))
	if b.Magic() >= 2 {
		sequence := int32(-1)
		// One after another from the batch's first, and from 2^31-1 on to 0; -1 is a batch of no
		// idempotent producer.
		if b.BaseSequence() >= 0 {
			sequence = record.AddSequence(b.BaseSequence(), int32(r.Offset-b.BaseOffset()))
		}
		var keys []string
		for _, h := range r.Headers() {
			keys = append(keys, string(h.Key))
		}
		c.Printf(" sequence: %d headerKeys: [%s]", sequence, strings.Join(keys, ","))
	} else {
		c.Printf(" crc: %d isvalid: %t", b.CRC(), b.Verify() == nil)
	}
	switch {
	case b.IsControl():
		c.Printf("%s", controlText(r))
	case decode != nil:
		key, value := decode(r.Key, r.Value)
		if key != nil {
			c.Printf(" key: %s", *key)
		}
		if value != nil {
			c.Printf(" payload: %s", *value)
		}
	}
	c.Printf("\n")
}

// controlText describes the record of a control batch: int16 version and type in the key, int16
// version and int32 epoch in the value.
func controlText(r *record.Record) string {
	if len(r.Key) < 4 {
		return " controlType: UNKNOWN(-1)"
	}
	kind := int16(binary.BigEndian.Uint16(r.Key[2:]))
	// 0 is ABORT and 1 is COMMIT (KIP-98); other kinds came after Kafka 2.5.
	if kind > 1 || kind < 0 || len(r.Value) < 6 {
		return fmt.Sprintf(" controlType: UNKNOWN(%d)", kind)
	}
	return fmt.Sprintf(" endTxnMarker: %s coordinatorEpoch: %d", []string{"ABORT", "COMMIT"}[kind], int32(binary.BigEndian.Uint32(r.Value[2:])))
}

// entries cuts an index file into entries of a size; a last piece that is shorter is left out.
func entries(file string, size int) ([][]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, core.MissingFile(&java.Error{Class: "java.nio.file.NoSuchFileException", Text: file}, file)
	}
	var out [][]byte
	for ; err == nil && len(data) >= size; data = data[size:] {
		out = append(out, data[:size])
	}
	return out, err
}

// logOf is the segment that an index belongs to: it has the same base offset in its name.
func logOf(file string) string { return strings.TrimSuffix(file, filepath.Ext(file)) + ".log" }

// indexEntries gives the base offset of an index and its entries of size bytes, in which the
// relative offset stands at byte at. With --index-sanity-check they are only checked, and none are
// left to dump.
func (d *dump) indexEntries(file string, size, at int) (base int64, list [][]byte, err error) {
	if base, err = baseOffset(file); err != nil {
		return 0, nil, err
	}
	if list, err = entries(file, size); err != nil {
		return 0, nil, err
	}
	if d.o.Has("index-sanity-check") {
		return base, nil, d.sane(file, base, list, size, at)
	}
	return base, list, nil
}

// index dumps an offset index: int32 offset relative to the base, int32 position.
func (d *dump) index(file string) error {
	base, list, err := d.indexEntries(file, 8, 0)
	if err != nil {
		return err
	}
	for i, e := range list {
		offset, position := base+int64(int32(binary.BigEndian.Uint32(e))), int64(int32(binary.BigEndian.Uint32(e[4:])))
		if offset == base && i > 0 { // what a crash left behind
			return nil
		}
		found := int64(-1)
		if _, err := batches(logOf(file), position, func(b record.Batch, _ int64) (bool, error) {
			// Kafka reads no more than --max-message-size, so that a larger batch is one it has not
			// found.
			if int64(b.Size()) <= d.max {
				found = b.LastOffset()
			}
			return false, nil
		}); err != nil {
			return err
		}
		if found != offset {
			d.mismatches[file] = append(d.mismatches[file], [2]int64{offset, found})
		}
		if !d.o.Has("verify-index-only") {
			d.c.Printf("offset: %d position: %d\n", offset, position)
		}
	}
	return nil
}

// sane is the check of a broker that starts: whole entries, and a last one that does not lie before
// the base.
func (d *dump) sane(file string, base int64, list [][]byte, size, at int) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Size()%int64(size) != 0 {
		return fmt.Errorf("Index file %s is corrupt, found %d bytes which is neither positive nor a multiple of %d.", file, info.Size(), size)
	}
	if n := len(list); n > 0 && int32(binary.BigEndian.Uint32(list[n-1][at:])) < 0 {
		return fmt.Errorf("Corrupt index found, index file (%s) has non-zero size but the last offset is %d which is less than the base offset %d.",
			file, base+int64(int32(binary.BigEndian.Uint32(list[n-1][at:]))), base)
	}
	d.c.Printf("%s passed sanity check.\n", file)
	return nil
}

// timeIndex dumps a time index: int64 timestamp, int32 offset relative to the base.
func (d *dump) timeIndex(file string) error {
	base, list, err := d.indexEntries(file, 12, 8)
	if err != nil {
		return err
	}
	decoder := record.NewDecoder(record.DefaultMaxDecompressed)
	previous := int64(-1)
	for i, e := range list {
		timestamp, offset := int64(binary.BigEndian.Uint64(e)), base+int64(int32(binary.BigEndian.Uint32(e[8:])))
		// Zeros to the end: the file is as long as it was preallocated when the broker did not
		// close it.
		if offset == base && i > 0 {
			return nil
		}
		found, latest := int64(-1), int64(-1)
		// From the beginning for every entry, as Kafka does it: slow, but it trusts no offset
		// index.
		if _, err := batches(logOf(file), 0, func(b record.Batch, _ int64) (bool, error) {
			if b.LastOffset() < offset {
				return true, nil
			}
			found = b.LastOffset()
			return false, b.ForEach(decoder, func(r *record.Record) error { latest = max(latest, r.Timestamp); return nil })
		}); err != nil {
			return err
		}
		if found != offset {
			d.notFound[file] = append(d.notFound[file], [2]int64{offset, found})
		} else {
			if latest != timestamp {
				d.wrongTimes[file] = append(d.wrongTimes[file], [2]int64{timestamp, latest})
			}
			if previous >= timestamp {
				d.disorder[file] = append(d.disorder[file], [2]int64{timestamp, previous})
			}
		}
		if !d.o.Has("verify-index-only") {
			d.c.Printf("timestamp: %d offset: %d\n", timestamp, offset)
		}
		previous = timestamp
	}
	return nil
}

// snapshot prints the producers of a .snapshot file; one whose checksum is wrong is reported, and
// is not an error.
func (d *dump) snapshot(file string) error {
	data, err := core.ReadFile(file)
	if err != nil {
		return core.MissingFile(err, file)
	}
	list, err := producerstate.DecodeSnapshot(data)
	if err != nil {
		d.c.Errorf("%s: %s\n", file, err)
		return nil
	}
	for _, e := range list {
		open := "None"
		if e.TxnFirstOffset >= 0 {
			open = fmt.Sprintf("Some(%d)", e.TxnFirstOffset)
		}
		d.c.Printf("producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s ", e.ProducerID, e.Epoch, e.CoordinatorEpoch, open)
		if b, ok := e.LastBatch(); ok {
			d.c.Printf("firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d", b.FirstSequence(), b.LastSequence, b.LastOffset, b.OffsetDelta, b.Timestamp)
		}
		d.c.Printf("\n")
	}
	return nil
}

// txnIndex dumps the aborted transactions of a segment: int16 version, int64 producer id, first,
// last and last stable offset.
func (d *dump) txnIndex(file string) error {
	list, err := entries(file, 34)
	if err != nil {
		return err
	}
	for _, e := range list {
		at := func(i int) int64 { return int64(binary.BigEndian.Uint64(e[i:])) }
		d.c.Printf("version: %d producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d\n", int16(binary.BigEndian.Uint16(e)), at(2), at(10), at(18), at(26))
	}
	return nil
}
