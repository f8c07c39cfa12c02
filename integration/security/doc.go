// Package security runs real clients and real brokers against listeners with TLS and SASL. It is
// built with the tag "interop" and run by `make interop`.
package security
