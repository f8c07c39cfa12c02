// Package loglimit bounds the lines of a log that strangers can cause.
package loglimit

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// PerSecond is how many lines of one kind are logged.
const PerSecond = 20

// Limit admits PerSecond lines a second and counts the others. The zero value is ready. It is safe
// for concurrent use.
type Limit struct {
	mu    sync.Mutex
	since time.Time // of the second that is counted
	lines int
	more  int // that were not logged
}

// Log logs a line if another one is admitted, with the number of those before it that were not.
func (l *Limit) Log(now time.Time, log *logrus.Entry, level logrus.Level, text string) {
	missed, ok := l.Admit(now)
	if !ok {
		return
	}
	if missed > 0 {
		log = log.WithField("not_logged_before", missed)
	}
	log.Log(level, text)
}

// Admit reports whether another line may be logged at a time, and how many were not since the last
// one that was.
func (l *Limit) Admit(now time.Time) (missed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= time.Second {
		l.since, l.lines = now, 0
	}
	if l.lines >= PerSecond {
		l.more++
		return 0, false
	}
	l.lines++
	missed, l.more = l.more, 0
	return missed, true
}
