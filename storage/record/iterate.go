package record

// Record is one record as ForEach hands it out. Key, Value and the headers alias the batch or a pooled buffer: they are valid
// until the callback returns, and not to be changed. A nil Key or Value is null; an empty one is not nil.
type Record struct {
	Offset    int64
	Timestamp int64 // ms; the append time with LogAppendTime, -1 for magic 0
	Key       []byte
	Value     []byte

	headers     []byte
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
func (r *Record) Headers() []Header { return nil }

// Decoder holds pools of buffers and decompressors and bounds what a batch may decompress to. It is safe for concurrent use;
// a nil *Decoder is a shared one with the default limit.
type Decoder struct {
	maxBytes int
}

// DefaultMaxDecompressed is the limit of a Decoder that was given none: 256 MiB.
const DefaultMaxDecompressed = 256 << 20

// NewDecoder makes a Decoder that refuses batches with more than maxDecompressed bytes of payload (0: the default).
func NewDecoder(maxDecompressed int) *Decoder { return &Decoder{maxBytes: maxDecompressed} }

// ForEach decodes the records of a batch of any magic and codec in order, without allocating per record. An error of fn stops it
// and is returned as it is. What does not decode is a *ValidationError (INVALID_RECORD) or *CorruptError; records before the
// fault were handed out. The CRC is not checked. d may be nil.
func (b Batch) ForEach(d *Decoder, fn func(r *Record) error) error { return nil }

// FirstOffset is the first offset of the batch: BaseOffset, except for a wrapper of magic 0 or 1, which is decompressed for it.
func (b Batch) FirstOffset(d *Decoder) (int64, error) { return b.BaseOffset(), nil }
