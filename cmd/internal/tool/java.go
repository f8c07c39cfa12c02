package tool

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	wire "github.com/twmb/franz-go/pkg/kerr"

	"momus/coordinator/admin"
	"momus/internal/kerr"
)

// javaError is an error as Java names it: some tools print the class together with the text, and scripts look for it.
type javaError struct {
	class string // with its package
	text  string // "" for null
	cause error
}

func (e *javaError) Error() string { return e.text }
func (e *javaError) Unwrap() error { return e.cause }

// java is Throwable.toString.
func (e *javaError) java() string {
	if e.text == "" {
		return e.class
	}
	return e.class + ": " + e.text
}

const errorsPackage = "org.apache.kafka.common.errors."

func illegalArgument(format string, a ...any) *javaError {
	return &javaError{class: "java.lang.IllegalArgumentException", text: fmt.Sprintf(format, a...)}
}

// apiError is the exception of an error code, with the message of the broker or the fixed one of the code; nil for 0.
func apiError(code int16, message *string) *javaError {
	if code == 0 {
		return nil
	}
	e := &javaError{class: errorsPackage + className(code)}
	switch {
	case message != nil:
		e.text = *message
	default:
		e.text = kerr.ForCode(code).Message
		if te := (*wire.Error)(nil); code > 88 && errors.As(wire.ErrorForCode(code), &te) {
			e.text = te.Description
		}
	}
	return e
}

func timeoutError(format string, a ...any) *javaError {
	return &javaError{class: errorsPackage + "TimeoutException", text: fmt.Sprintf(format, a...)}
}

// execution wraps an error as a Java future does: its text has the class of the cause.
func execution(err error) error {
	if err == nil {
		return nil
	}
	return &javaError{class: "java.util.concurrent.ExecutionException", text: javaText(err), cause: err}
}

// javaText is the toString of an error.
func javaText(err error) string {
	var je *javaError
	if errors.As(err, &je) {
		return je.java()
	}
	return err.Error()
}

// javaOf gives an error that came from this program's own packages its class in Java.
func javaOf(err error) error {
	var (
		je *javaError
		ae *admin.Error
		ke *kerr.Error
	)
	switch {
	case err == nil || errors.As(err, &je):
		return err
	case errors.As(err, &ae):
		return &javaError{class: errorsPackage + className(ae.Kind.Code), text: ae.Message}
	case errors.As(err, &ke):
		return &javaError{class: errorsPackage + className(ke.Code), text: err.Error()}
	}
	return err
}

// describe is what a person is told about an error that Java would print with a stack trace: the text and those of the causes that
// say more.
func describe(err error) string {
	text := err.Error()
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		if more := cause.Error(); more != "" && !strings.Contains(text, more) {
			text += ": " + more
		}
	}
	if text == "" {
		text = javaText(err)
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

// hashCode is String.hashCode.
func hashCode(s string) int32 {
	var h int32
	for _, r := range utf16Units(s) {
		h = 31*h + int32(r)
	}
	return h
}

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

// hashOrder sorts keys as a java.util.HashMap with size buckets (0: as many as it grows to from 16) lists them when they were
// inserted in the given order.
func hashOrder[T any](keys []T, size int, hash func(T) int32) []T {
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

// tableFor is the size of a java.util.HashMap made for n entries and then filled with them.
func tableFor(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	if n*4 > size*3 {
		size *= 2
	}
	return size
}
