// Package zkconformance holds the embedded coordination server (coordinator/zkserver) to the real
// one. The same scripts run against both, over a raw connection that sees every field, and their
// transcripts must be equal: answers, error codes, stats, zxids and watch events.
//
// The plain tests compare the embedded server with a transcript that was recorded from ZooKeeper
// 3.4.14 (testdata/zookeeper-3.4.14.txt). With the tag interop the real server runs beside it (see
// integration/peers.sh): the recording is checked, randomised operations are compared, and kazoo,
// zkCli and Apache Kafka work on the embedded server.
package zkconformance
