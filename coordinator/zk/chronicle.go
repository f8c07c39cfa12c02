package zk

import (
	"time"

	"momus/internal/journal"
)

// chronicle is what the journal is told about one session. It belongs to session.mu.
type chronicle struct {
	j *journal.Journal
	// opened tells the first connection, which opens the session, from those that restore it.
	opened bool
	lost   time.Time // when the connection was lost; zero while there is one
	cause  uint64    // the entry about that
}

// connection records that the session has a connection now, or has none.
func (h *chronicle) connection(up bool, session int64) {
	e := journal.Entry{About: -1, Number: session}
	switch {
	case up && !h.opened:
		h.opened = true
		e.Kind = journal.SessionOpened
	case up:
		e.Kind, e.Took, e.Cause = journal.ConnectionRestored, time.Since(h.lost), h.cause
		h.lost = time.Time{}
	default:
		h.lost = time.Now()
		e.Kind = journal.ConnectionLost
	}
	h.cause = h.j.Record(e)
}

// expired records that the server has ended the session.
func (h *chronicle) expired(session int64) {
	e := journal.Entry{Kind: journal.SessionExpired, About: -1, Number: session, Cause: h.cause}
	if !h.lost.IsZero() {
		e.Took = time.Since(h.lost)
	}
	h.j.Record(e)
}
