// Package index reads and writes the three index files of a segment: offset index (.index), time index (.timeindex) and
// transaction index (.txnindex), in Kafka 2.5's formats.
package index
