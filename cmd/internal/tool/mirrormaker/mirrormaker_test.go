package mirrormaker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A record that was taken counts as read; when the tool is ended just then it must be copied.
func TestWhatWasTakenIsCopied(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	m := &mirror{}
	var taken, copied []*kgo.Record
	take := func(context.Context, time.Duration) (*kgo.Record, error) {
		rec := &kgo.Record{Offset: int64(len(taken))}
		if taken = append(taken, rec); len(taken) == 3 {
			stop()
		}
		return rec, nil
	}
	if err := m.pump(ctx, take, func(_ context.Context, rec *kgo.Record) error { copied = append(copied, rec); return nil }); err != nil {
		t.Error(err)
	}
	if len(taken) != 3 || len(copied) != 3 || m.lost.Load() {
		t.Errorf("%d taken, %d copied, lost: %v", len(taken), len(copied), m.lost.Load())
	}
}

func TestNothingIsCommittedAfterARecordThatWasNotCopied(t *testing.T) {
	m, failure := &mirror{}, errors.New("the target is gone")
	take := func(context.Context, time.Duration) (*kgo.Record, error) { return &kgo.Record{}, nil }
	if err := m.pump(t.Context(), take, func(context.Context, *kgo.Record) error { return failure }); err != failure {
		t.Error(err)
	}
	if m.flush() {
		t.Error("its offset would be committed")
	}
}
