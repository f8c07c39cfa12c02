package record

// Info is what is known of a sequence of entries after Analyze, and of what will be written after Assign.
type Info struct {
	FirstOffset            int64 // -1 unknown: the first batch has magic 0 or 1 (after Assign always known)
	LastOffset             int64 // -1 if there is no batch
	LastOffsetOfFirstBatch int64 // for magic 0 and 1 the smallest known bound of the first offset
	MaxTimestamp           int64 // ms, -1 none
	OffsetOfMaxTimestamp   int64 // what the time index gets; -1 none
	LogAppendTime          int64 // ms, the time Assign stamped on a LogAppendTime topic, else -1
	SourceCodec            Codec // last codec other than none among the batches
	Batches                int
	ValidBytes             int  // bytes of whole batches; what follows is to be cut off
	Records                int  // declared by magic 2, else one a message or wrapper; exact after Assign
	Monotonic              bool // last offsets strictly ascend
	Converted              bool // Assign rebuilt the records: sizes are to be checked again
	HasProducerID          bool // any batch has one
	Magic                  int8 // of the first batch, -1 if there is none
}

// Analyze walks the entries of records, checks framing, size and CRC of each and sums them up: steps 1 and 2 of an append
// (Kafka's Log.analyzeAndValidateRecords). For OriginClient a magic 2 batch must have base offset 0 (INVALID_RECORD); a batch
// above maxMessageBytes is MESSAGE_TOO_LARGE (0: no limit); a bad CRC or frame is a *CorruptError. Incomplete bytes at the end are
// not an error: ValidBytes excludes them. records is only read.
func Analyze(records []byte, origin Origin, maxMessageBytes int) (Info, error) { return Info{}, nil }
