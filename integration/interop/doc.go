// Package interop holds the tests against things that nobody here wrote: Apache Kafka 2.5.0 and its
// tools, ZooKeeper 3.4 to 3.8, clients in Java, Go, Python and JavaScript. They are built with the
// tag "interop" and run by `make interop`, which fetches the peers first.
package interop
