// Package zkserver is the embedded coordination server: one node that speaks the ZooKeeper 3.4 client protocol (and the
// 3.5 requests that clients of a single node use) to any client. It is meant for the quick start, tests and teaching; it
// does not replicate, so production uses a real ensemble.
//
// It is held to ZooKeeper 3.4.14: the test in integration/zkconformance runs the same requests against both and compares
// every answer, error code, stat and watch event.
package zkserver
