package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/interbroker"
	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/release"
	"momus/storage/log"
)

// script answers requests in order and remembers them.
type script struct {
	answers []any // kmsg.Response or error
	seen    []kmsg.Request
}

func (s *script) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	s.seen = append(s.seen, req)
	a := s.answers[0]
	s.answers = s.answers[1:]
	if err, ok := a.(error); ok {
		return nil, err
	}
	return a.(kmsg.Response), nil
}

func (s *script) Close() error { return nil }

func newRemote(t *testing.T, version string, s *script) *Remote {
	t.Helper()
	c, err := configs.New(map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "7"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := release.Parse(version)
	if err != nil {
		t.Fatal(err)
	}
	return NewRemote(RemoteOptions{BrokerID: 7, Client: s, Versions: interbroker.VersionsFor(v), Settings: func() Settings { return SettingsOf(c.Broker()) }})
}

func fetchAnswer(code int16, session int32) *kmsg.FetchResponse {
	r := kmsg.NewPtrFetchResponse()
	r.ErrorCode, r.SessionID = code, session
	return r
}

// describe says what a fetch request asks for.
func describe(r *kmsg.FetchRequest) string {
	wanted, forgotten := map[string]bool{}, map[string]bool{}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			wanted[fmt.Sprintf("%s-%d@%d", t.Topic, p.Partition, p.FetchOffset)] = true
		}
	}
	for _, t := range r.ForgottenTopics {
		for _, p := range t.Partitions {
			forgotten[fmt.Sprintf("%s-%d", t.Topic, p)] = true
		}
	}
	list := func(m map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }
	return fmt.Sprintf("session %d epoch %d: %s; forget %s", r.SessionID, r.SessionEpoch, list(wanted), list(forgotten))
}

func TestRemoteKeepsAFetchSession(t *testing.T) {
	a, b := model.TopicPartition{Topic: "a"}, model.TopicPartition{Topic: "b", Partition: 1}
	s := &script{}
	r := newRemote(t, "2.5", s)
	fetch := func(answer any, want string, parts ...ReplicaFetch) {
		t.Helper()
		s.answers = []any{answer}
		_, err := r.Fetch(t.Context(), parts, 500*time.Millisecond)
		resp, _ := answer.(*kmsg.FetchResponse)
		if (err != nil) != (resp == nil || resp.ErrorCode != 0) {
			t.Fatal(err)
		}
		req := s.seen[len(s.seen)-1].(*kmsg.FetchRequest)
		if got := describe(req); got != want {
			t.Errorf("asked\n  %s, want\n  %s", got, want)
		}
		if req.Version != 11 || req.ReplicaID != 7 || req.MaxWaitMillis != 500 || req.MinBytes != 1 || req.MaxBytes != 10485760 {
			t.Errorf("%+v", req)
		}
	}
	fetch(fetchAnswer(0, 99), "session 0 epoch 0: a-0@0 b-1@5; forget ", ReplicaFetch{TP: a}, ReplicaFetch{TP: b, Offset: 5})
	fetch(fetchAnswer(0, 99), "session 99 epoch 1: ; forget ", ReplicaFetch{TP: a}, ReplicaFetch{TP: b, Offset: 5})
	fetch(fetchAnswer(0, 99), "session 99 epoch 2: a-0@3; forget ", ReplicaFetch{TP: a, Offset: 3}, ReplicaFetch{TP: b, Offset: 5})
	fetch(fetchAnswer(0, 99), "session 99 epoch 3: ; forget b-1", ReplicaFetch{TP: a, Offset: 3})
	fetch(fetchAnswer(0, 99), "session 99 epoch 4: b-1@6; forget ", ReplicaFetch{TP: a, Offset: 3}, ReplicaFetch{TP: b, Offset: 6})
	// A broken connection: the next is full and ends the session that may still be there.
	fetch(errors.New("reset"), "session 99 epoch 5: a-0@4; forget ", ReplicaFetch{TP: a, Offset: 4}, ReplicaFetch{TP: b, Offset: 6})
	fetch(fetchAnswer(0, 100), "session 99 epoch 0: a-0@4 b-1@6; forget ", ReplicaFetch{TP: a, Offset: 4}, ReplicaFetch{TP: b, Offset: 6})
	// The leader has forgotten the session.
	fetch(fetchAnswer(kerr.FetchSessionIDNotFound.Code, 0), "session 100 epoch 1: ; forget ", ReplicaFetch{TP: a, Offset: 4}, ReplicaFetch{TP: b, Offset: 6})
	fetch(fetchAnswer(0, 101), "session 0 epoch 0: a-0@4 b-1@6; forget ", ReplicaFetch{TP: a, Offset: 4}, ReplicaFetch{TP: b, Offset: 6})
	fetch(fetchAnswer(kerr.InvalidFetchSessionEpoch.Code, 0), "session 101 epoch 1: ; forget ", ReplicaFetch{TP: a, Offset: 4}, ReplicaFetch{TP: b, Offset: 6})
	fetch(fetchAnswer(0, 0), "session 101 epoch 0: a-0@4 b-1@6; forget ", ReplicaFetch{TP: a, Offset: 4}, ReplicaFetch{TP: b, Offset: 6})
	// It has no place for another: sessionless.
	fetch(fetchAnswer(0, 0), "session 0 epoch 0: a-0@4; forget ", ReplicaFetch{TP: a, Offset: 4})
	r.session.id, r.session.epoch = 5, 1<<31-1
	r.session.sent = map[model.TopicPartition]ReplicaFetch{}
	fetch(fetchAnswer(0, 5), "session 5 epoch 2147483647: a-0@4; forget ", ReplicaFetch{TP: a, Offset: 4})
	fetch(fetchAnswer(0, 5), "session 5 epoch 1: ; forget ", ReplicaFetch{TP: a, Offset: 4})
}

func TestRemoteAnswers(t *testing.T) {
	tp := model.TopicPartition{Topic: "t", Partition: 3}
	s := &script{}
	r := newRemote(t, "2.5", s)
	resp := fetchAnswer(0, 0)
	part := kmsg.NewFetchResponseTopicPartition()
	part.Partition, part.HighWatermark, part.LogStartOffset, part.RecordBatches = 3, 8, 2, []byte("x")
	bad := kmsg.NewFetchResponseTopicPartition()
	bad.Partition, bad.ErrorCode = 4, kerr.OffsetOutOfRange.Code
	resp.Topics = []kmsg.FetchResponseTopic{{Topic: "t", Partitions: []kmsg.FetchResponseTopicPartition{part, bad}}}
	s.answers = []any{resp}
	data, err := r.Fetch(t.Context(), []ReplicaFetch{{TP: tp}}, 500*time.Millisecond)
	if err != nil || len(data) != 2 || data[0].HighWatermark != 8 || data[0].LogStartOffset != 2 || string(data[0].Records) != "x" ||
		!errors.Is(data[1].Err, kerr.OffsetOutOfRange) {
		t.Errorf("%+v, %v", data, err)
	}
	epochs := kmsg.NewPtrOffsetForLeaderEpochResponse()
	e := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	e.Partition, e.LeaderEpoch, e.EndOffset = 3, 4, 17
	epochs.Topics = []kmsg.OffsetForLeaderEpochResponseTopic{{Topic: "t", Partitions: []kmsg.OffsetForLeaderEpochResponseTopicPartition{e}}}
	s.answers = []any{epochs}
	answers, err := r.EndOffsets(t.Context(), []EpochQuery{{TP: tp, CurrentLeaderEpoch: 5, LeaderEpoch: 4}, {TP: model.TopicPartition{Topic: "left out"}}})
	if err != nil || answers[0] != (EpochAnswer{Epoch: 4, EndOffset: 17}) || answers[1].Err == nil {
		t.Errorf("%+v, %v", answers, err)
	}
	if req := s.seen[len(s.seen)-1].(*kmsg.OffsetForLeaderEpochRequest); req.Version != 3 || req.ReplicaID != 7 {
		t.Errorf("%+v", req)
	}
	offsets := kmsg.NewPtrListOffsetsResponse()
	o := kmsg.NewListOffsetsResponseTopicPartition()
	o.Partition, o.Offset = 3, 55
	offsets.Topics = []kmsg.ListOffsetsResponseTopic{{Topic: "t", Partitions: []kmsg.ListOffsetsResponseTopicPartition{o}}}
	s.answers = []any{offsets}
	if got, err := r.Offset(t.Context(), tp, 5, log.LatestTimestamp); err != nil || got != 55 {
		t.Error(got, err)
	}
	// Before KIP-101 there is nothing to ask: the follower truncates to its high watermark.
	s.answers = nil
	answers, err = newRemote(t, "0.10.2", s).EndOffsets(t.Context(), []EpochQuery{{TP: tp}})
	if err != nil || answers[0] != (EpochAnswer{Epoch: -1, EndOffset: -1}) {
		t.Errorf("%+v, %v", answers, err)
	}
}
