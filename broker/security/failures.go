package security

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/network"
)

// Failures logs logins that failed as Kafka does, a line each. Strangers can make any number of
// them, so there are at most failureLines a second, and the rest is counted and told of with the
// next line. It is safe for concurrent use.
type Failures struct {
	log *logrus.Entry
	now func() time.Time

	mu    sync.Mutex
	since time.Time // of the second that is counted
	lines int
	more  int // that were not logged
}

const failureLines = 20

// NewFailures logs to log, which is named as Kafka's Selector.
func NewFailures(log *logrus.Entry, now func() time.Time) *Failures {
	return &Failures{log: log, now: now}
}

// Failed logs one: what is "authentication" or "re-authentication", reason is the text that the
// client got, or why the connection was closed; err says more, nil for no more.
func (f *Failures) Failed(c *network.Conn, what, reason string, err error) {
	more, ok := f.admit()
	if !ok {
		return
	}
	log := f.log.WithFields(logrus.Fields{"connection": c.ID, "listener": c.Listener})
	if err != nil {
		log = log.WithError(err)
	}
	if more > 0 {
		log = log.WithField("not_logged_before", more)
	}
	log.Info(fmt.Sprintf("Failed %s with %s (%s)", what, c.ClientHost, strings.ReplaceAll(reason, "\n", " ")))
}

// admit reports whether another line may be logged, and how many were not.
func (f *Failures) admit() (more int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.since) >= time.Second {
		f.since, f.lines = now, 0
	}
	if f.lines >= failureLines {
		f.more++
		return 0, false
	}
	f.lines++
	more, f.more = f.more, 0
	return more, true
}
