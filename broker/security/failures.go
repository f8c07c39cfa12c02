package security

import (
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/network"
	"momus/internal/loglimit"
)

// Failures logs logins that failed as Kafka does, a line each. Strangers can make any number of
// them, so their number is limited, and the rest is counted and told of with the next line. It is
// safe for concurrent use.
type Failures struct {
	log   *logrus.Entry
	now   func() time.Time
	limit loglimit.Limit
}

// NewFailures logs to log, which is named as Kafka's Selector.
func NewFailures(log *logrus.Entry, now func() time.Time) *Failures {
	return &Failures{log: log, now: now}
}

// Failed logs one: what is "authentication" or "re-authentication", reason is the text that the
// client got, or why the connection was closed; err says more, nil for no more.
func (f *Failures) Failed(c *network.Conn, what, reason string, err error) {
	log := f.log.WithFields(logrus.Fields{"connection": c.ID, "listener": c.Listener})
	if err != nil {
		log = log.WithError(err)
	}
	f.limit.Log(f.now(), log, logrus.InfoLevel, fmt.Sprintf("Failed %s with %s (%s)", what, c.ClientHost, strings.ReplaceAll(reason, "\n", " ")))
}
