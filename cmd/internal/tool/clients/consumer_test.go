package clients

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestWhatEndsAConsumerIsWhatJavaThrows(t *testing.T) {
	session := func(err error) error { return &kgo.ErrGroupSession{Err: err} }
	for _, c := range []struct {
		err  error
		want bool
	}{
		{session(fmt.Errorf("unable to join group session: %w", wire.UnknownMemberID)), false},
		{session(wire.RebalanceInProgress), false},
		{session(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), false}, // the broker restarts
		{session(fmt.Errorf("unable to dial: %w", io.EOF)), false},
		{&kgo.ErrDataLoss{Topic: "t", ConsumedTo: 10, ResetTo: 0}, false}, // the topic was made again
		{wire.UnknownTopicOrPartition, false},
		{wire.KafkaStorageError, false},
		{wire.UnknownMemberID, false},
		{session(wire.GroupAuthorizationFailed), true},
		{session(wire.FencedInstanceID), true},
		{wire.TopicAuthorizationFailed, true},
		{wire.OffsetOutOfRange, true},
		{wire.SaslAuthenticationFailed, true},
		{kgo.ErrClientClosed, true},
	} {
		if got := endsConsumer(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
