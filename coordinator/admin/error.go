// Package admin is what brokers decide and write when topics and configs are created or changed
// through them: placement of replicas, validation with Kafka's messages, and the order of the
// znodes (Kafka's AdminManager, AdminUtils and AdminZkClient). The controller reacts to the znodes;
// nothing here talks to it. The package has no state and no goroutine.
package admin

import (
	"errors"
	"fmt"

	"momus/internal/kerr"
)

// Error is one of Kafka's errors with the message that Kafka gives the client for it.
type Error struct {
	Kind    *kerr.Error
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Kind.Name + ": " + e.Message }

// Unwrap makes kerr.Of and errors.Is find the kind.
func (e *Error) Unwrap() error { return e.Kind }

func fail(kind *kerr.Error, format string, args ...any) error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

// Message is what the client is told about err: its own text, or that of its kind. Errors that are
// not Kafka's are not shown.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	if k := kerr.Of(err); k != nil {
		return k.Message
	}
	return ""
}
