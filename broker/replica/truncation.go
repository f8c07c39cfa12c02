package replica

// epochEnd is an answer to OffsetForLeaderEpoch: the largest epoch at or below the one asked for,
// and the offset where it ends. Epoch -1 comes from leaders before KIP-279, offset -1 means that
// nothing is known.
type epochEnd struct {
	epoch     int32
	endOffset int64
}

// truncationTo decides what a follower does with the leader's answer for its latest epoch (KIP-101,
// KIP-279): the offset to truncate to, and whether it may fetch from there (done) or has to ask
// again with the epoch that is then its latest. initial is the follower's high watermark, logEnd
// its log end offset, local its own end offset for an epoch (ok false when it has none at or below
// it).
func truncationTo(answer epochEnd, initial, logEnd int64, local func(epoch int32) (end epochEnd, ok bool)) (offset int64, done bool) {
	switch {
	case answer.endOffset == unknownOffset:
		return initial, true
	case answer.epoch < 0:
		return min(answer.endOffset, logEnd), true
	}
	own, ok := local(answer.epoch)
	switch {
	case !ok:
		return min(answer.endOffset, logEnd), true
	case own.epoch != answer.epoch:
		return min(own.endOffset, logEnd), false
	}
	return min(own.endOffset, answer.endOffset, logEnd), true
}

// outOfRangeAction is what a follower does after OFFSET_OUT_OF_RANGE.
type outOfRangeAction struct {
	truncateTo int64 // truncate the log end to this offset; negative: do not
	restartAt  int64 // drop the whole log and start again at this offset; negative: do not
	fetchFrom  int64
}

// afterOffsetOutOfRange decides how a follower goes on when its fetch offset lies outside of the
// leader's log: the leader lost the tail (unclean election), or its start has moved past the
// follower's end. leaderStart is asked only when it is needed.
func afterOffsetOutOfRange(logEnd, leaderEnd int64, leaderStart func() (int64, error)) (outOfRangeAction, error) {
	if leaderEnd < logEnd {
		return outOfRangeAction{truncateTo: leaderEnd, restartAt: -1, fetchFrom: leaderEnd}, nil
	}
	start, err := leaderStart()
	if err != nil {
		return outOfRangeAction{}, err
	}
	if start > logEnd {
		return outOfRangeAction{truncateTo: -1, restartAt: start, fetchFrom: start}, nil
	}
	return outOfRangeAction{truncateTo: -1, restartAt: -1, fetchFrom: logEnd}, nil
}
