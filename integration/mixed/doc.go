// Package mixed runs momus and Apache Kafka 2.5.0 as brokers of one cluster on a real ZooKeeper,
// each in every role for the other, and takes a cluster from one to the other and back under load.
// It is built with the tag "interop" and run by `make interop`.
package mixed
