package broker

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

// A reassignment takes one partition of a topic from this broker: the others keep the topic's
// configs, also when the broker's defaults change. With the last one all of it goes.
func TestConfigsOfATopicStayWhileAPartitionIsHere(t *testing.T) {
	r := newRig(t, nil)
	first, second := model.TopicPartition{Topic: "two"}, model.TopicPartition{Topic: "two", Partition: 1}
	forever := "-1"
	r.eventually("topic two", func() bool {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis = 10000
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "two", 2, 1
		topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: &forever}}
		req.Topics = append(req.Topics, topic)
		resp, err := req.RequestWith(t.Context(), r.client)
		return err == nil && (resp.Topics[0].ErrorCode == 0 || resp.Topics[0].ErrorCode == 36) && r.b.logs.Get(first) != nil && r.b.logs.Get(second) != nil
	})
	stop := func(tp model.TopicPartition) {
		t.Helper()
		results, err := r.b.replicas.StopReplica(r.b.control.Epoch(), true, []model.TopicPartition{tp})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
	}
	r.b.metrics.Topic("two").MessagesIn.Inc()
	stop(second)
	changed := "1000"
	r.alter("", map[string]*string{"log.retention.ms": &changed})
	r.eventually("the new default", func() bool { return r.b.logs.Get(model.TopicPartition{Topic: "t"}).Config().RetentionMs == 1000 })
	if got := r.b.logs.Get(first).Config().RetentionMs; got != -1 {
		t.Errorf("retention.ms of the partition that stays is %d", got)
	}
	if !r.counted("two") {
		t.Error("the topic's figures are gone while a partition is here")
	}
	stop(first)
	if got := r.b.dynamic.Overrides("two"); got != nil {
		t.Errorf("of a topic that is not here %v is known", got)
	}
	if r.counted("two") {
		t.Error("a topic that is not here still has figures")
	}
}

// counted reports whether a metric has a series for a topic.
func (r *rig) counted(topic string) bool {
	families, err := r.b.metrics.Registry().Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.GetName(), "brokertopicmetrics") && strings.Contains(f.String(), `"`+topic+`"`) {
			return true
		}
	}
	return false
}
