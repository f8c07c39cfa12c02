// Package handler executes Kafka requests: one table of APIs, one file an API. A handler
// translates: it decodes, asks the replica manager, the metadata cache or a coordinator, and
// encodes. Rules of Kafka live below it. The Dispatcher is what the network server calls: it parses
// the header, finds the row of the table, decodes the body, runs the handler and encodes its Reply.
//
// It has no goroutines of its own: handlers run on the connection's.
package handler
