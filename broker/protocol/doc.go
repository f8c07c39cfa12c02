// Package protocol is the frame round a Kafka message: the table of API versions that Kafka 2.5.0
// speaks, request and response headers, and the few bodies that are decoded or encoded by hand
// because they are on the hot path (Produce, Fetch). All other bodies are kmsg's. It is shared by
// the server and the client side (requests to other brokers), has no state and does no I/O.
package protocol
