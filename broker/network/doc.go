// Package network accepts connections, cuts frames out of them and writes answers back, in the
// order of the requests. It knows nothing of Kafka's APIs: a Handler executes frames. The Server
// owns the listeners and all connections.
//
// Goroutines: one accept loop a listener, one sweeper a server (idle connections, memory shortage),
// one porter (Linux; strangers who have not spoken), one reader a connection, which serves another
// one afterwards; a connection has a second one, its writer, only while answers are pending. A
// connection of a stranger has a goroutine, and most of its memory, only from when he has spoken and
// is inside the lobby, but for a few that wait for that in goroutines of their own. The reader executes requests itself and, as long as no earlier answer is pending, also
// writes the answer. A pipelined request (Produce) is executed while earlier pipelined ones still
// wait; any other request is executed only when all earlier answers of its connection have been
// written, as clients of Apache Kafka may rely on it. All end with Run.
package network
