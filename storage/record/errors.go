package record

import (
	"fmt"

	"momus/internal/kerr"
)

// CorruptError says that bytes are no legal entry: bad framing, a bad CRC, a body that does not
// parse. It matches kerr.CorruptMessage in errors.Is and kerr.Of.
type CorruptError struct {
	Offset int64  // offset field of the entry, -1 if unknown
	Reason string // what is wrong, with the numbers
}

// Error says which entry and what.
func (e *CorruptError) Error() string {
	if e.Offset < 0 {
		return "corrupt record entry: " + e.Reason
	}
	return fmt.Sprintf("corrupt record entry at offset %d: %s", e.Offset, e.Reason)
}

// Unwrap makes a CorruptError a CORRUPT_MESSAGE for clients.
func (e *CorruptError) Unwrap() error { return kerr.CorruptMessage }

// RecordError is one rejected record of a batch, for record_errors of Produce v8 (KIP-467).
type RecordError struct {
	Index   int32 // position inside its batch
	Message string
}

// ValidationError rejects what a producer sent. Err is INVALID_RECORD, INVALID_TIMESTAMP,
// UNSUPPORTED_FOR_MESSAGE_FORMAT, UNSUPPORTED_COMPRESSION_TYPE or CORRUPT_MESSAGE. Message and
// Records are what Produce v8 answers as error_message and record_errors: Records is set only when
// single records were rejected.
type ValidationError struct {
	Err     *kerr.Error
	Message string
	Records []RecordError
}

// Error is the name of the error and the message.
func (e *ValidationError) Error() string { return e.Err.Name + ": " + e.Message }

// Unwrap makes kerr.Of find the error's code.
func (e *ValidationError) Unwrap() error { return e.Err }

// invalidRecord is INVALID_RECORD with the text that Produce v8 answers.
func invalidRecord(format string, args ...any) error {
	return &ValidationError{Err: kerr.InvalidRecord, Message: fmt.Sprintf(format, args...)}
}

func corrupt(offset int64, format string, args ...any) error {
	return &CorruptError{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// DecompressError says that a compressed payload does not decompress although its CRC is right: the
// producer wrote it so. Kafka answers UNKNOWN_SERVER_ERROR.
type DecompressError struct {
	Codec Codec
	Err   error
}

// Error names the codec and the fault.
func (e *DecompressError) Error() string {
	return "failed to decompress " + e.Codec.String() + " record stream: " + e.Err.Error()
}

// Unwrap gives kerr.Of its code. Err is not in the chain: a stream that ends too early is
// io.ErrUnexpectedEOF to its decompressor, and who stores records takes that for a fault of the
// disk, and the log directory offline.
func (e *DecompressError) Unwrap() error { return kerr.UnknownServerError }

// errTooLarge stops a decompression at the limit of its Decoder.
var errTooLarge = fmt.Errorf("%w: decompressed payload exceeds the limit", kerr.MessageTooLarge)
