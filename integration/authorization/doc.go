// Package authorization holds a broker with ACLs against what Apache Kafka 2.5.0 answered:
// testdata/matrix.json has for each API the answer to a user without any ACL and with each single
// one, recorded over SASL_PLAINTEXT. Every cell is asked again, over the same kind of listener, of
// a broker in this process.
package authorization
