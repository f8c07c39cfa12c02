// Package record is Kafka's record formats: magic 0 and 1 (message sets), magic 2 (record batches,
// KIP-98). It reads, checks, builds and converts them in memory. It does no I/O, starts no
// goroutine and keeps no state beyond pools of buffers and decompressors (Decoder).
//
// A log, a produce payload and a fetch payload are a sequence of entries; Next cuts off one as a
// Batch, which is a view of the caller's bytes. The append path of a leader is Analyze (framing,
// CRC) and then Assign (validation and offsets, in place where the format allows). Nothing here
// keeps a slice after it returned, and slices handed to callbacks are valid only inside them.
//
// Decompression is bounded: the payload of a batch may grow to Decoder.MaxBytes only, and a record
// count, length or content size found in the data is never believed before it has been checked
// against bytes that are there.
package record
