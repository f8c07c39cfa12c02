// Package zkserver is the embedded coordination server: one node that speaks the ZooKeeper 3.4
// client protocol, and those requests of 3.5 that clients of a single node use (create2,
// checkWatches, removeWatches), to any client. It is meant for the quick start, tests and teaching;
// it does not replicate, so production uses a real ensemble.
//
// It is held to ZooKeeper 3.4.14: the test in integration/zkconformance runs the same requests
// against both and compares every answer, error code, stat, zxid and watch event.
//
// core.go decides and does no I/O: requests come in with the time, answers and transactions go out.
// prepare.go checks a write against the tree and against the transactions that are on their way to
// the log; store.go makes these durable, many with one fsync; only then tree.go applies them,
// watches fire and answers leave. server.go and conn.go are the shell.
//
// # Differences from ZooKeeper 3.4.14
//
// These are deliberate:
//   - A read waits for the log only behind a write or sync of its own client. It sees durable state only, as there.
//   - Session passwords are random, not derived from the session id, and a reconnection with a wrong one does not close
//     the session's connection.
//   - A check outside a multi is answered; there it gets no answer unless it fails. A null path in a multi is a
//     MARSHALLINGERROR like any other; there it leaves a gap in the zxids.
//   - An ACL of more than 1000 entries is INVALIDACL, and a connection has at most 1000 identities.
//   - Quotas are kept as the nodes they are; usage is not counted.
//   - SASL is DIGEST-MD5 with users given at the start; Kerberos needs a real ensemble. TLS has a port of its own, as in 3.5.
//   - While the server itself does not run (its process or machine is stopped) no session gets older.
//   - Connections that wait 30 s before their connect request are closed.
//   - The four-letter words gtmk and stmk (trace masks of the Java server) are unknown.
package zkserver
