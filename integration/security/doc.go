// Package security runs real clients and real brokers against listeners with TLS and SASL: every
// client with every mechanism that it has, Kerberos with a real key distribution center, ZooKeeper
// with logins and TLS, Kafka's own tools on a secured quickstart, the environments of container
// images, and one configuration on Apache Kafka 2.5.0 and on momus, compared. It is built with the
// tag "interop" and run by `make interop-all`.
package security
