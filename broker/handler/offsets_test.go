package handler

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
	"momus/internal/model"
)

func listRequest(version int16, timestamp int64, topics ...string) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version, req.ReplicaID = version, -1
	partitions := []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: timestamp, MaxNumOffsets: 2, CurrentLeaderEpoch: 7}}
	for _, name := range topics {
		req.Topics = append(req.Topics, kmsg.ListOffsetsRequestTopic{Topic: name, Partitions: partitions})
	}
	return req
}

func TestListOffsets(t *testing.T) {
	b := newDataBroker(t)
	b.fill()
	c := b.dial()
	if p := call[*kmsg.ListOffsetsResponse](c, listRequest(0, -1, "t")).Topics[0].Partitions[0]; !slices.Equal(p.OldStyleOffsets, []int64{5, 0}) || p.ErrorCode != 0 {
		t.Errorf("%+v", p)
	}
	for v := int16(1); v <= 5; v++ {
		req := listRequest(v, -1, "t")
		req.IsolationLevel = 1
		p := call[*kmsg.ListOffsetsResponse](c, req).Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.Offset != 6 || p.Timestamp != -1 || v >= 4 && p.LeaderEpoch != 3 {
			t.Errorf("v%d: %+v", v, p)
		}
		q := b.data.lastQuery()
		wantEpoch := model.NoEpoch
		if v >= 4 {
			wantEpoch = 7
		}
		if q.ReadCommitted != (v >= 2) || q.CurrentLeaderEpoch != wantEpoch || q.ReplicaID != -1 {
			t.Errorf("v%d: %+v", v, q)
		}
		p = call[*kmsg.ListOffsetsResponse](c, listRequest(v, 99, "t")).Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.Offset != -1 || p.Timestamp != -1 || p.LeaderEpoch != -1 {
			t.Errorf("v%d, nothing found: %+v", v, p)
		}
		twice := call[*kmsg.ListOffsetsResponse](c, listRequest(v, -1, "t", "u", "t"))
		if p := twice.Topics[0].Partitions; len(p) != 1 || p[0].ErrorCode != kerr.InvalidRequest.Code {
			t.Errorf("v%d, listed twice: %+v", v, p)
		}
		if len(twice.Topics[1].Partitions) != 1 || twice.Topics[1].Partitions[0].ErrorCode != 0 || len(twice.Topics) != 2 {
			t.Errorf("v%d, listed twice: %+v", v, twice)
		}
	}
	b.data.failWith(model.TopicPartition{Topic: "t"}, kerr.OffsetNotAvailable)
	for v, want := range map[int16]*kerr.Error{4: kerr.LeaderNotAvailable, 5: kerr.OffsetNotAvailable} {
		if p := call[*kmsg.ListOffsetsResponse](c, listRequest(v, -1, "t")).Topics[0].Partitions[0]; p.ErrorCode != want.Code || p.Offset != -1 {
			t.Errorf("v%d: %+v", v, p)
		}
	}
}

// dialFailing connects to a broker that fails with err in topic u.
func dialFailing(t *testing.T, err *kerr.Error) *client {
	t.Helper()
	b := newDataBroker(t)
	b.data.failWith(model.TopicPartition{Topic: "u"}, err)
	return b.dial()
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	c := dialFailing(t, kerr.FencedLeaderEpoch)
	for v := int16(0); v <= 3; v++ {
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.Version, req.ReplicaID = v, -2
		partitions := []kmsg.OffsetForLeaderEpochRequestTopicPartition{{CurrentLeaderEpoch: model.NoEpoch, LeaderEpoch: 4}}
		req.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "t", Partitions: partitions}, {Topic: "u", Partitions: partitions}}
		resp := call[*kmsg.OffsetForLeaderEpochResponse](c, req)
		if p := resp.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.EndOffset != 42 || v >= 1 && p.LeaderEpoch != 4 {
			t.Errorf("v%d: %+v", v, p)
		}
		if p := resp.Topics[1].Partitions[0]; p.ErrorCode != kerr.FencedLeaderEpoch.Code || p.EndOffset != -1 || p.LeaderEpoch != -1 {
			t.Errorf("v%d: %+v", v, p)
		}
	}
}

func TestDeleteRecords(t *testing.T) {
	c := dialFailing(t, kerr.RequestTimedOut)
	for v := int16(0); v <= 1; v++ {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.Version = v
		for _, name := range []string{"t", "missing", model.OffsetsTopic, "u"} {
			req.Topics = append(req.Topics, kmsg.DeleteRecordsRequestTopic{Topic: name, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: 2}}})
		}
		resp := call[*kmsg.DeleteRecordsResponse](c, req)
		for i, want := range []struct {
			code int16
			low  int64
		}{{0, 2}, {kerr.UnknownTopicOrPartition.Code, -1}, {kerr.InvalidTopicException.Code, -1}, {kerr.RequestTimedOut.Code, 2}} {
			if p := resp.Topics[i].Partitions[0]; p.ErrorCode != want.code || p.LowWatermark != want.low {
				t.Errorf("v%d: %+v, want %+v", v, p, want)
			}
		}
	}
}
