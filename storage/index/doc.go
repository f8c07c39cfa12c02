// Package index reads and writes the three index files of a segment in Kafka 2.5's formats: the
// offset index (.index, 8-byte entries), the time index (.timeindex, 12) and the transaction index
// (.txnindex, 34). Every whole slot of a file is an entry, big-endian, without a header.
//
// Kafka preallocates the first two and maps them; here they grow. New entries are collected in
// memory and written in one piece, so that an append costs no system call for them: a process that
// dies leaves an index behind that lacks its last entries, and the recovery that follows rebuilds
// it anyway. No file is kept open: a look-up among written entries maps the file, until Release. A
// preallocated file that a killed Kafka left behind (zeros after the last entry) is read as what it
// means.
//
// Indexes belong to a segment. They have no goroutines and are safe for concurrent use.
package index
