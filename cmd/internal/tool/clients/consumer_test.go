package clients

import (
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/screen"
)

// TestAConsumerTakesWhatJavaTakes has values that are valid in ConsumerConfig and beyond what the
// library takes.
func TestAConsumerTakesWhatJavaTakes(t *testing.T) {
	for _, property := range []string{"fetch.max.bytes=2147483647", "fetch.max.bytes=0", "max.partition.fetch.bytes=2147483647", "fetch.max.wait.ms=0", "fetch.min.bytes=0",
		"metadata.max.age.ms=0", "max.poll.interval.ms=2147483647"} {
		k, v, _ := strings.Cut(property, "=")
		c := &core.Call{Env: &core.Env{Stderr: io.Discard}, Out: screen.NewOutput(io.Discard)}
		r, err := NewConsumer(c, &ConsumeSpec{Topic: "t", Partition: -1, Group: "g", Props: map[string]string{"bootstrap.servers": "localhost:1", k: v}})
		if err != nil {
			t.Errorf("%s: %s", property, java.Text(err))
			continue
		}
		r.Cl.Close()
	}
}

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
