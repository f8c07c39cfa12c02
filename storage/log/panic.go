package log

import (
	"fmt"
	"runtime/debug"

	"momus/internal/kerr"
)

// PanicError is why a log is offline: this program has a fault, which showed while the log was
// being changed. What was in memory may be half changed, so that nothing is written or read any
// more; what was written before is as good as after kill -9, and is recovered at the next start.
type PanicError struct {
	Value any // of the panic
}

// Error says what happened and what to do.
func (e *PanicError) Error() string {
	return fmt.Sprintf("the partition is offline after a fault of this program (panic: %v); restart the broker to recover it, and report the stack in its log", e.Value)
}

// Unwrap makes it KAFKA_STORAGE_ERROR for clients.
func (e *PanicError) Unwrap() error { return kerr.KafkaStorageError }

// unlock unlocks mu. It is deferred wherever something is done under mu that may panic, and turns a
// panic into an error, *err unless err is nil: one partition is lost to a fault, and neither the
// connection that met it, nor those that wait for the lock, nor the stop of the broker.
func (l *Log) unlock(err *error) {
	defer l.mu.Unlock() // even if OnPanic panics
	if r := recover(); r != nil {
		var fault error = &PanicError{Value: r}
		// Before the lock is given up, so that nobody who waits for it goes on with what is half
		// changed.
		l.failed = fault
		first := l.offline.CompareAndSwap(nil, &fault)
		l.logger.WithField("panic", r).WithField("stack", string(debug.Stack())).Error("a panic took the log offline")
		if first && l.opts.OnPanic != nil {
			l.opts.OnPanic(l)
		}
		if err != nil {
			*err = fault
		}
	}
}

// locked runs fn with mu held.
func (l *Log) locked(fn func() error) (err error) {
	l.mu.Lock()
	defer l.unlock(&err)
	return fn()
}

// change runs fn with mu held, if the log can be written, and reports its error.
func (l *Log) change(what string, fn func() error) error {
	return l.report(what, l.locked(func() error {
		if err := l.usableLocked(); err != nil {
			return err
		}
		return fn()
	}))
}

// rewrite is change for what leaves files and memory different if it fails: the log cannot be
// written then.
func (l *Log) rewrite(what string, fn func() error) error {
	return l.change(what, func() error {
		err := fn()
		if err != nil {
			// Only a restart, with its recovery, brings files and memory together again.
			l.failed = fmt.Errorf("%w: %w", errBroken, err)
		}
		return err
	})
}
