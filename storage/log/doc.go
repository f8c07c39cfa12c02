// Package log is the log of one partition in one directory: Kafka's segments with their indexes,
// appended by leader or follower, read as ranges of files, recovered, truncated, retained. Files
// and rules are those of Kafka 2.5.0.
//
// A Log has no goroutine. What happens later (removal of files, the flush after a roll) is handed
// to Options.After, which the owner of the log directory runs. Appends, truncations and other
// changes of one log take its lock; reads do not: they load offsets and an immutable list of
// segments atomically and hold a reference on the one file they return a range of.
//
// Lock order: Log.flushMu, Log.mu, then the locks of one segment, its indexes, the epoch cache.
// Options.OnIOError is called without any of them, Options.After and OnPanic may be called under
// Log.mu.
//
// I/O errors have kerr.KafkaStorageError in their chain and are reported through Options.OnIOError:
// as in Kafka the whole log directory is then to be taken offline by its owner.
package log
