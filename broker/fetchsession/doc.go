// Package fetchsession is the incremental fetch sessions of KIP-227 and their bounded cache. It is
// pure state: no I/O, no goroutine, no clock; one Cache belongs to one broker and locks itself.
package fetchsession
