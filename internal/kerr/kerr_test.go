package kerr

import (
	"context"
	"fmt"
	"os"
	"testing"
)

func TestEveryCodeOfKafka25IsThereOnce(t *testing.T) {
	seen := map[int16]bool{}
	for _, e := range all {
		if seen[e.Code] || e.Name == "" || e.Message == "" {
			t.Errorf("bad entry %+v", e)
		}
		seen[e.Code] = true
	}
	for c := int16(-1); c <= 88; c++ {
		if c != 0 && !seen[c] {
			t.Errorf("code %d is missing", c)
		}
	}
	if len(all) != 89 {
		t.Errorf("%d entries, want 89", len(all))
	}
}

func TestOfMapsGoErrors(t *testing.T) {
	_, ioErr := os.Open("/does/not/exist")
	for _, c := range []struct {
		err  error
		want *Error
	}{
		{nil, nil},
		{NotLeaderForPartition, NotLeaderForPartition},
		{fmt.Errorf("fetch a-0 at 5: %w", OffsetOutOfRange), OffsetOutOfRange},
		{fmt.Errorf("append: %w", ioErr), KafkaStorageError},
		{context.DeadlineExceeded, RequestTimedOut},
		{fmt.Errorf("surprise"), UnknownServerError},
	} {
		if got := Of(c.err); got != c.want {
			t.Errorf("Of(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if ForCode(0) != nil || ForCode(6) != NotLeaderForPartition || ForCode(99) != UnknownServerError {
		t.Error("ForCode")
	}
}
