// Package java is as much of Java as shows in the output of Kafka's tools: exceptions with their
// classes, the order of hash tables, numbers, dates and durations as text, and java.util.Random. It
// is pure; nothing in it reads a clock or touches the world.
package java

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	wire "github.com/twmb/franz-go/pkg/kerr"

	"momus/coordinator/admin"
	"momus/internal/kerr"
)

// ErrorName is the name of an error code, such as NOT_COORDINATOR.
func ErrorName(code int16) string {
	var e *wire.Error
	if errors.As(wire.ErrorForCode(code), &e) {
		return e.Message
	}
	return "UNKNOWN_SERVER_ERROR"
}

// AdminOperation is Kafka's AdminOperationException, for files and values that the admin tools
// cannot use.
func AdminOperation(text string) error {
	return &Error{Class: "kafka.admin.AdminOperationException", Text: text}
}

// AdminFailed is Kafka's AdminCommandFailedException, for plans and choices that contradict
// themselves or the cluster.
func AdminFailed(format string, a ...any) error {
	return &Error{Class: "kafka.common.AdminCommandFailedException", Text: fmt.Sprintf(format, a...)}
}

// Error is an error as Java names it: some tools print the class together with the text, and
// scripts look for it.
type Error struct {
	Class string // with its package
	Text  string // "" for null
	Cause error
}

// Error is Throwable.getMessage.
func (e *Error) Error() string { return e.Text }

// Unwrap is Throwable.getCause.
func (e *Error) Unwrap() error { return e.Cause }

// ToString is Throwable.toString.
func (e *Error) ToString() string {
	if e.Text == "" {
		return e.Class
	}
	return e.Class + ": " + e.Text
}

// ErrorsPackage is where the exceptions of error codes are.
const ErrorsPackage = "org.apache.kafka.common.errors."

// IllegalArgument is Java's exception for wrong arguments, which Scala's require throws as well.
func IllegalArgument(format string, a ...any) *Error {
	return &Error{Class: "java.lang.IllegalArgumentException", Text: fmt.Sprintf(format, a...)}
}

// OfCode is the exception of an error code, with the message of the broker or the fixed one of the
// code; nil for 0.
func OfCode(code int16, message *string) *Error {
	if code == 0 {
		return nil
	}
	e := &Error{Class: ErrorsPackage + className(code)}
	switch {
	case message != nil:
		e.Text = *message
	default:
		e.Text = kerr.ForCode(code).Message
		if te := (*wire.Error)(nil); code > 88 && errors.As(wire.ErrorForCode(code), &te) {
			e.Text = te.Description
		}
	}
	return e
}

// FirstOf is the exception of the first of an answer's results that failed, nil when none did; code
// gives a result's error code and message.
func FirstOf[T any](results []T, code func(T) (int16, *string)) error {
	for _, r := range results {
		if err := OfCode(code(r)); err != nil {
			return err
		}
	}
	return nil
}

// Timeout is Kafka's TimeoutException.
func Timeout(format string, a ...any) *Error {
	return &Error{Class: ErrorsPackage + "TimeoutException", Text: fmt.Sprintf(format, a...)}
}

// Execution wraps an error as a Java future does: its text has the class of the cause.
func Execution(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Class: "java.util.concurrent.ExecutionException", Text: Text(err), Cause: err}
}

// Text is the toString of an error; one that has no class in Java gives its text.
func Text(err error) string {
	var throwable interface{ ToString() string }
	if errors.As(err, &throwable) {
		return throwable.ToString()
	}
	return err.Error()
}

// Trace is the toString of an error and of its causes: a stack trace without the stacks.
func Trace(err error) string {
	text := Text(err)
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		text += "\nCaused by: " + Text(cause)
	}
	return text
}

// Of gives an error that came from this program's own packages its class in Java.
func Of(err error) error {
	var (
		je *Error
		ae *admin.Error
		ke *kerr.Error
	)
	switch {
	case err == nil || errors.As(err, &je):
		return err
	case errors.As(err, &ae):
		if strings.HasPrefix(ae.Message, "Invalid value ") { // Java's check of a config throws another exception than that of its name
			return &Error{Class: "org.apache.kafka.common.config.ConfigException", Text: ae.Message}
		}
		return &Error{Class: ErrorsPackage + className(ae.Kind.Code), Text: ae.Message}
	case errors.As(err, &ke):
		return &Error{Class: ErrorsPackage + className(ke.Code), Text: err.Error()}
	}
	return err
}

// Describe is what a person is told about an error that Java would print with a stack trace: the
// text and those of the causes that say more.
func Describe(err error) string {
	text := err.Error()
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		if more := cause.Error(); more != "" && !strings.Contains(text, more) {
			text += ": " + more
		}
	}
	if text == "" {
		text = Text(err)
	}
	return text
}

// className is the simple name of the exception of an error code.
func className(code int16) string {
	if name, ok := irregularClasses()[code]; ok {
		return name
	}
	var b strings.Builder
	for _, word := range strings.Split(kerr.ForCode(code).Name, "_") {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String() + "Exception"
}

// irregularClasses are the names that cannot be derived from the name of the error.
func irregularClasses() map[int16]string {
	return map[int16]string{-1: "UnknownServerException", 2: "CorruptRecordException", 7: "TimeoutException", 10: "RecordTooLargeException",
		11: "ControllerMovedException", 12: "OffsetMetadataTooLarge", 13: "NetworkException", 17: "InvalidTopicException",
		18: "RecordBatchTooLargeException", 29: "TopicAuthorizationException", 30: "GroupAuthorizationException",
		31: "ClusterAuthorizationException", 36: "TopicExistsException", 40: "InvalidConfigurationException",
		45: "OutOfOrderSequenceException", 46: "DuplicateSequenceException", 47: "ProducerFencedException", 49: "InvalidPidMappingException",
		50: "InvalidTxnTimeoutException", 53: "TransactionalIdAuthorizationException", 56: "KafkaStorageException",
		58: "SaslAuthenticationException", 61: "DelegationTokenDisabledException", 64: "UnsupportedByAuthenticationException",
		65: "DelegationTokenAuthorizationException", 68: "GroupNotEmptyException"}
}

// HashCode is String.hashCode.
func HashCode(s string) int32 {
	var h int32
	for _, r := range utf16Units(s) {
		h = 31*h + int32(r)
	}
	return h
}

// utf16Units are the chars of a Java string, which hash codes are made of.
func utf16Units(s string) []uint16 {
	var out []uint16
	for _, r := range s {
		if r >= 0x10000 {
			r -= 0x10000
			out = append(out, uint16(0xd800+r>>10), uint16(0xdc00+r&0x3ff))
			continue
		}
		out = append(out, uint16(r))
	}
	return out
}

// HashOrder sorts keys as a java.util.HashMap with size buckets (0: as many as it grows to from 16)
// lists them when they were inserted in the given order.
func HashOrder[T any](keys []T, size int, hash func(T) int32) []T {
	if size == 0 {
		for size = 16; len(keys)*4 > size*3; {
			size *= 2
		}
	}
	bucket := func(k T) uint32 {
		h := uint32(hash(k))
		return (h ^ h>>16) & uint32(size-1)
	}
	out := slices.Clone(keys)
	slices.SortStableFunc(out, func(a, b T) int { return int(bucket(a)) - int(bucket(b)) })
	return out
}

// TableFor is the size of a java.util.HashMap made for n entries and then filled with them.
func TableFor(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	if n*4 > size*3 {
		size *= 2
	}
	return size
}
