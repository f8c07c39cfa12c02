package record

import (
	"errors"
	"io"
)

// Record is one record as ForEach hands it out. Key, Value and the headers alias the batch or a
// pooled buffer: they are valid until the callback returns, and not to be changed. A nil Key or
// Value is null; an empty one is not nil.
type Record struct {
	Offset    int64
	Timestamp int64 // ms; the append time with LogAppendTime, -1 for magic 0
	Key       []byte
	Value     []byte

	headers     []byte // as encoded, checked
	headerCount int
}

// Header is one header of a record (KIP-82). A nil Value is null.
type Header struct {
	Key   string
	Value []byte
}

// HeaderCount is the number of headers, 0 for magic 0 and 1.
func (r *Record) HeaderCount() int { return r.headerCount }

// Headers parses the headers, in order. It allocates; the values alias the record.
func (r *Record) Headers() []Header { return r.FirstHeaders(r.headerCount) }

// FirstHeaders parses at most so many headers: one takes twenty times the memory that it may have as
// encoded.
func (r *Record) FirstHeaders(most int) []Header {
	if most = min(most, r.headerCount); most == 0 {
		return nil
	}
	hs := make([]Header, 0, most)
	for p := r.headers; len(hs) < most; {
		k, n := varint(p)
		key := p[n : n+int(k)]
		p = p[n+int(k):]
		h := Header{Key: string(key)}
		v, n := varint(p)
		p = p[n:]
		if v >= 0 {
			h.Value, p = p[:v:v], p[v:]
		}
		hs = append(hs, h)
	}
	return hs
}

// ForEach decodes the records of a batch of any magic and codec in order, without allocating per
// record. An error of fn stops it and is returned as it is. What does not decode is INVALID_RECORD
// (*ValidationError), a *CorruptError (messages of magic 0 and 1) or a *DecompressError; records
// before the fault may have been handed out. The CRC of the batch is not checked; those of inner
// messages of a wrapper are not either. d may be nil.
func (b Batch) ForEach(d *Decoder, fn func(r *Record) error) error {
	if b.Magic() < Magic2 {
		return b.forEachLegacy(d, fn)
	}
	count := b.Count()
	switch {
	case count == 0:
		return nil // emptied by the cleaner
	case count < 0:
		return errRecordCount(count)
	}
	f := d.inflate(b[BatchOverhead:], b.Codec(), Magic2)
	defer f.release()
	base, first := b.BaseOffset(), b.FirstTimestamp()
	appended := b.TimestampType() == LogAppendTime
	var r Record
	for raw := &f.raw; count > 0; count-- {
		if err := f.next(raw, true); err != nil {
			return err
		}
		r.Offset, r.Timestamp = base+int64(raw.offsetDelta), first+raw.timestampDelta
		if appended {
			r.Timestamp = b.MaxTimestamp()
		}
		r.Key, r.Value, r.headers, r.headerCount = raw.key, raw.value, raw.headers, int(raw.headerCount)
		if err := fn(&r); err != nil {
			return err
		}
	}
	return f.end()
}

// FirstOffset is the first offset of the batch: BaseOffset, except for a wrapper of magic 0 or 1,
// which is decompressed for it.
func (b Batch) FirstOffset(d *Decoder) (int64, error) {
	if b.Magic() >= Magic2 || !b.IsCompressed() {
		return b.BaseOffset(), nil
	}
	first, stop := int64(0), errors.New("first record seen")
	err := b.forEachLegacy(d, func(r *Record) error { first = r.Offset; return stop })
	if err != stop {
		return 0, err
	}
	return first, nil
}

// rawRecord is one record of magic 2 as encoded. key, value and headers are set only if next was
// asked for the bytes; the sizes always are (-1 null).
type rawRecord struct {
	timestampDelta int64
	offsetDelta    int32
	keySize        int32
	valueSize      int32
	headerCount    int32
	key, value     []byte
	headers        []byte
}

// errRecordCount is for counts below 0; one that is too large runs out of records instead.
func errRecordCount(n int32) error {
	return invalidRecord("Found invalid record count %d in magic v2 batch", n)
}

// The faults of a record, as values so that the hot path stays small.
var (
	errStructure = invalidRecord("Found invalid record structure")
	errEOF       = invalidRecord("Incorrect declared batch size, premature EOF reached")
	errRemaining = invalidRecord("Incorrect declared batch size, records still remaining in file")
)

// next reads the next record of a magic 2 payload. With bytes, a record that spans chunks is
// gathered in scratch (which grows only as data arrives); without, its key, value and headers are
// skipped as they come.
func (f *inflater) next(r *rawRecord, bytes bool) error {
	size, n := varint(f.cur)
	if n > 0 && size >= 0 && int(size) <= len(f.cur)-n {
		body := f.cur[n : n+int(size)]
		f.cur = f.cur[n+int(size):]
		return r.parse(body)
	}
	if n == 0 { // the length itself spans chunks, or the chunk is used up
		var err error
		if len(f.cur) == 0 && f.codec != None {
			if err = f.fill(); err == nil {
				return f.next(r, bytes)
			}
			return premature(err)
		}
		// A number of 32 bits has five bytes at most.
		s := spanReader{f: f, left: 5}
		if size, err = s.varint(); err != nil {
			return err
		}
	} else if n > 0 {
		f.cur = f.cur[n:]
	} else {
		return errStructure
	}
	if size < 0 {
		return errStructure
	}
	if !bytes {
		return f.skipRecord(r, int(size))
	}
	body, err := f.gather(int(size))
	if err != nil {
		return err
	}
	return r.parse(body)
}

// end checks that nothing follows the last record.
func (f *inflater) end() error {
	if len(f.cur) > 0 {
		return errRemaining
	}
	if f.codec == None {
		return nil
	}
	switch err := f.fill(); err {
	case io.EOF:
		return nil
	case nil:
		return errRemaining
	default:
		return err
	}
}

// premature turns the end of the payload into the error for records that are missing. A gzip stream
// that is cut off counts as its end, as in Java; those of the other codecs are faults of the
// stream.
func premature(err error) error {
	var d *DecompressError
	if err == io.EOF || errors.As(err, &d) && d.Codec == Gzip && errors.Is(d.Err, io.ErrUnexpectedEOF) {
		return errEOF
	}
	return err
}

// gather collects the next size bytes in scratch.
func (f *inflater) gather(size int) ([]byte, error) {
	f.scratch = f.scratch[:0]
	for {
		k := min(size-len(f.scratch), len(f.cur))
		f.scratch = append(f.scratch, f.cur[:k]...)
		f.cur = f.cur[k:]
		if len(f.scratch) == size {
			return f.scratch, nil
		}
		if err := f.fill(); err != nil {
			return nil, premature(err)
		}
	}
}

// parse reads the fields of a record whose bytes are all there. Every length is checked against
// what is left, and what is left after the headers must be nothing.
func (r *rawRecord) parse(b []byte) error {
	if len(b) < 6 { // attributes, two deltas, two lengths, header count
		return errStructure
	}
	// Each field is tried as one byte in place before the general reader is called: with 100 byte
	// records that is a third of the time (BenchmarkValidate/none/16KBx100B).
	p := b[1:]
	if c := p[0]; c < 0x80 {
		r.timestampDelta, p = int64(c>>1)^-int64(c&1), p[1:]
	} else {
		v, n := varlong(p)
		if n <= 0 {
			return errStructure
		}
		r.timestampDelta, p = v, p[n:]
	}
	if len(p) > 0 && p[0] < 0x80 {
		r.offsetDelta, p = int32(p[0]>>1)^-int32(p[0]&1), p[1:]
	} else {
		v, n := varint(p)
		if n <= 0 {
			return errStructure
		}
		r.offsetDelta, p = v, p[n:]
	}
	r.key, r.value = nil, nil
	if len(p) > 0 && p[0] == 1 {
		r.keySize, p = -1, p[1:]
	} else {
		v, n := varint(p)
		if n <= 0 || int(v) > len(p)-n {
			return errStructure
		}
		r.keySize, p = v, p[n:]
		if v >= 0 {
			r.key, p = p[:v:v], p[v:]
		}
	}
	v, n := varint(p)
	if n <= 0 || int(v) > len(p)-n {
		return errStructure
	}
	r.valueSize, p = v, p[n:]
	if v >= 0 {
		r.value, p = p[:v:v], p[v:]
	}
	if len(p) == 1 && p[0] == 0 { // no headers
		r.headerCount, r.headers = 0, nil
		return nil
	}
	if r.headerCount, n = varint(p); n <= 0 || r.headerCount < 0 {
		return errStructure
	}
	p = p[n:]
	r.headers = p
	for i := r.headerCount; i > 0; i-- {
		k, n := varint(p)
		if n <= 0 || k < 0 || int(k) > len(p)-n {
			return errStructure
		}
		p = p[n+int(k):]
		v, n := varint(p)
		if n <= 0 || int(v) > len(p)-n {
			return errStructure
		}
		p = p[n+max(0, int(v)):]
	}
	if len(p) != 0 {
		return errStructure
	}
	return nil
}

// skipRecord is parse for a record of size bytes that spans chunks, without its bytes.
func (f *inflater) skipRecord(r *rawRecord, size int) (err error) {
	s := spanReader{f: f, left: size}
	r.key, r.value, r.headers = nil, nil, nil
	if _, err = s.byte(); err != nil { // attributes
		return err
	}
	if r.timestampDelta, err = s.varlong(); err != nil {
		return err
	}
	if r.offsetDelta, err = s.varint(); err != nil {
		return err
	}
	if r.keySize, err = s.skipField(); err != nil {
		return err
	}
	if r.valueSize, err = s.skipField(); err != nil {
		return err
	}
	if r.headerCount, err = s.varint(); err != nil {
		return err
	}
	if r.headerCount < 0 {
		return errStructure
	}
	for i := r.headerCount; i > 0; i-- {
		k, err := s.skipField()
		if err != nil {
			return err
		}
		if k < 0 {
			return errStructure
		}
		if _, err = s.skipField(); err != nil {
			return err
		}
	}
	if s.left != 0 {
		return errStructure
	}
	return nil
}

// spanReader reads at most left bytes across chunks.
type spanReader struct {
	f    *inflater
	left int
}

// byte reads the next byte of a record; a record may not read beyond its length.
func (s *spanReader) byte() (byte, error) {
	if s.left <= 0 {
		return 0, errStructure
	}
	if len(s.f.cur) == 0 {
		if err := s.f.fill(); err != nil {
			return 0, premature(err)
		}
	}
	c := s.f.cur[0]
	s.f.cur = s.f.cur[1:]
	s.left--
	return c, nil
}

// varint reads a signed number of at most five bytes, zig-zag.
func (s *spanReader) varint() (int32, error) {
	u, err := s.uvarint(5)
	return unzig32(uint32(u)), err
}

// varlong reads one of at most ten bytes.
func (s *spanReader) varlong() (int64, error) {
	u, err := s.uvarint(10)
	return unzig64(u), err
}

// uvarint reads a number of at most so many bytes, 0 with an error; surplus high bits are dropped.
func (s *spanReader) uvarint(most int) (u uint64, err error) {
	for i := range most {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return u, nil
		}
	}
	return 0, errStructure
}

// skipField skips a length and as many bytes; it returns the length.
func (s *spanReader) skipField() (int32, error) {
	size, err := s.varint()
	if err != nil {
		return 0, err
	}
	if int(size) > s.left {
		return 0, errStructure
	}
	for k := int(size); k > 0; {
		if len(s.f.cur) == 0 {
			if err := s.f.fill(); err != nil {
				return 0, premature(err)
			}
		}
		n := min(k, len(s.f.cur))
		s.f.cur = s.f.cur[n:]
		s.left -= n
		k -= n
	}
	return size, nil
}
