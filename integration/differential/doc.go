// Package differential sends the same requests to Apache Kafka 2.5.0 and to momus and compares what
// they answer, field by field, and what they store, batch by batch. Each scenario is a function
// that runs once for each broker; it writes a transcript, and the two transcripts must be equal.
// Ports, directories, member ids, times and the order of lists that have none are made alike first.
// The test needs `make peers`.
package differential
