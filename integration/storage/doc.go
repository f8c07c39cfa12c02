// Package storage proves that log directories are interchangeable with those of Apache Kafka 2.5.0,
// and that brokers keep what they have acknowledged when disks fill up or fail.
//
// The tests without build tag need nothing but Go: brokers in the test's process on directories
// that real brokers have written (testdata/golden), and on a file system that fails. Those with the
// tag interop hand directories to and fro between momus and the real thing, and compact five
// million records while the broker is killed, which takes long.
package storage
