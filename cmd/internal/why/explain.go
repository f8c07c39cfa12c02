package why

import (
	"fmt"
	"strings"
	"time"

	"momus/internal/journal"
)

// texts are the few words around the journal's sentences.
type texts struct{ because, noLeader, open, nothing string }

// textsIn are the words that are put between what the journals say, in a language.
func textsIn(l journal.Lang) texts {
	if l == journal.Korean {
		return texts{"← ", "리더 없이 %s", "열린 지 %s", "브로커들의 저널에 이에 대한 기록이 없다."}
	}
	return texts{"because ", "%s without a leader", "it has been open for %s", "The journals of the brokers have nothing about it."}
}

// told is what a reader has before the eyes: the entries that were told, and the causes below the
// last of them.
type told struct {
	entries, causes map[journal.Ref]bool
	kind            journal.Kind // of the last one
}

// newTold is the memory of an explanation that has said nothing yet.
func newTold() *told {
	return &told{entries: map[journal.Ref]bool{}, causes: map[journal.Ref]bool{}}
}

// explain writes an entry and its causes for people, each cause below its effect. Causes that the
// reader has before the eyes are not told again, unless they are behind one that is new: a chain that
// is told ends with its root.
func explain(h *journal.History, e *journal.Entry, l journal.Lang, seen *told) string {
	t := textsIn(l)
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s", e.Time.Local().Format("15:04:05.000"), e.Sentence(l))
	if gap, ok := withoutLeader(h, e); ok {
		fmt.Fprintf(&b, "; "+t.noLeader, roughly(gap))
	}
	b.WriteByte('\n')
	seen.entries[e.Ref()] = true
	causes, fresh, behind := map[journal.Ref]bool{}, false, false
	for depth, c := range h.Chain(e)[1:] {
		causes[c.Ref()] = true
		// What is below the entry before is this one's too only if both are of a kind, or if this one
		// goes back to an entry that was told.
		if !fresh && (seen.entries[c.Ref()] || seen.causes[c.Ref()] && (behind || seen.kind == e.Kind)) {
			behind = behind || seen.entries[c.Ref()]
			continue
		}
		fresh = true
		// Indented one step further for each cause of a cause.
		fmt.Fprintf(&b, "%s%s%s (%s)\n", strings.Repeat(" ", 14+2*depth), t.because, c.Sentence(l), c.Time.Local().Format("15:04:05.000"))
	}
	seen.causes, seen.kind = causes, e.Kind
	return b.String()
}

// withoutLeader is how long a partition had no leader before e, as far as the journals tell: from
// the first sign that the old one was lost.
func withoutLeader(h *journal.History, e *journal.Entry) (gap time.Duration, ok bool) {
	if e.Kind != journal.BecameLeader {
		return 0, false
	}
	chain := h.Chain(e)
	// The election has to be for a leader that was lost, and there has to be a sign of the loss
	// below it.
	if len(chain) < 3 || chain[1].Kind != journal.LeaderElected || chain[1].Reason != journal.LeaderGone && chain[1].Reason != journal.Unclean {
		return 0, false
	}
	lost := chain[2].Time
	for _, c := range chain[3:] {
		at := c.Time
		if c.Kind == journal.ProcessPaused {
			// A pause is noted when it ends: the loss began before.
			at = at.Add(-c.Took)
		}
		// The start of another broker is a cause without being a loss.
		if at.Before(lost) && c.Kind != journal.BrokerStarted {
			lost = at
		}
	}
	gap = e.Time.Sub(lost)
	return gap, gap >= time.Millisecond
}

// roughly is a duration as people say it.
func roughly(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// unended is the entry of a transaction that is still open, nil if none is.
func unended(about []*journal.Entry) *journal.Entry {
	for i := len(about) - 1; i >= 0; i-- {
		switch about[i].Kind {
		// Decided is as good as ended for the question what is open: the markers follow by
		// themselves.
		case journal.TransactionBegan:
			return about[i]
		case journal.TransactionDecided, journal.TransactionEnded, journal.ProducerReady:
			return nil
		}
	}
	return nil
}
