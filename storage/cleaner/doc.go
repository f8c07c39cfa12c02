// Package cleaner compacts logs (Kafka's LogCleaner): of the records of a log whose cleanup.policy
// contains "compact" it keeps the latest one of each key, in rounds. plan.go decides what to clean
// (pure), offset_map.go remembers the latest offset of each key of the part that was not cleaned
// yet, clean.go writes the log anew without what is superseded, segment group by segment group, and
// has storage/log swap the result in.
//
// A broker has one Cleaner: New, logdir.Manager.SetCleaner, Run until the broker stops. Run owns
// all goroutines: log.cleaner.threads workers. The Cleaner also applies retention to compacted
// logs, as Kafka's does. Lock order: choosing, checkpoints, mu; no lock is held while a log is
// cleaned.
package cleaner
