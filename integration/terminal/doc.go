// Package terminal tries the tools as people meet them: in a terminal of 80 columns and 24 lines,
// with a shell that completes, and with mistakes; and beside that through a pipe, which gets
// Kafka's own lines.
package terminal
