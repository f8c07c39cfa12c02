package tool

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
	"momus/internal/model"
)

func deleteRecordsOptions() *options {
	o := newOptions("This tool helps to delete records of the given partitions down to the specified offset.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("offset-json-file", "FILE", `the offsets: {"partitions": [{"topic": "foo", "partition": 1, "offset": 1}], "version": 1}; -1 is the end`)
	o.value("command-config", "FILE", "properties of the client")
	return o.standard()
}

// registerDeleteRecords is kafka-delete-records.sh.
func registerDeleteRecords() Tool {
	return Tool{Name: "kafka-delete-records", Help: "delete the oldest records of partitions", run: deleteRecords,
		Class:   "kafka.admin.DeleteRecordsCommand",
		Options: tableOf(deleteRecordsOptions)}
}

func deleteRecords(ctx context.Context, c *call) error {
	o := deleteRecordsOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	if err := o.require("bootstrap-server", "offset-json-file"); err != nil {
		return err
	}
	texts, err := o.texts("bootstrap-server", "offset-json-file", "command-config")
	if err != nil {
		return err
	}
	a, err := c.adminFor(texts["bootstrap-server"], texts["command-config"], nil)
	if err != nil {
		return err
	}
	defer a.Close()
	data, err := readFile(texts["offset-json-file"])
	if err != nil {
		return &javaError{class: "java.io.IOException", text: "Unable to read file " + texts["offset-json-file"], cause: err}
	}
	offsets, order, err := parseDeleteOffsets(data)
	if err != nil {
		return err
	}
	c.println("Executing records delete operation")
	c.println("Records delete operation completed:")
	for _, tp := range order {
		low, err := a.deleteRecords(ctx, tp, offsets[tp])
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			c.printf("partition: %s-%d\terror: %s\n", tp.Topic, tp.Partition, javaText(err))
			continue
		}
		c.printf("partition: %s-%d\tlow_watermark: %d\n", tp.Topic, tp.Partition, low)
	}
	return nil
}

func adminOperation(text string) error {
	return &javaError{class: "kafka.admin.AdminOperationException", text: text}
}

func parseDeleteOffsets(data []byte) (map[model.TopicPartition]int64, []model.TopicPartition, error) {
	var doc struct {
		Version    *int
		Partitions *[]struct {
			Topic     string
			Partition int32
			Offset    int64
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, nil, adminOperation("The input string is not a valid JSON")
	}
	if doc.Version != nil && *doc.Version != 1 {
		return nil, nil, adminOperation(fmt.Sprintf("Not supported version field value %d", *doc.Version))
	}
	if doc.Partitions == nil {
		return nil, nil, adminOperation("Missing partitions field")
	}
	offsets := map[model.TopicPartition]int64{}
	var order []model.TopicPartition
	for _, p := range *doc.Partitions {
		tp := model.TopicPartition{Topic: p.Topic, Partition: p.Partition}
		if _, twice := offsets[tp]; twice {
			return nil, nil, &javaError{class: "kafka.common.AdminCommandFailedException", text: fmt.Sprintf("Offset json file contains duplicate topic partitions: %s-%d", tp.Topic, tp.Partition)}
		}
		offsets[tp] = p.Offset
		order = append(order, tp)
	}
	return offsets, order, nil
}

// newLeaderPatience is how long a partition that the cluster knows may be unknown to its leader: a topic made a moment ago.
const newLeaderPatience = 2 * time.Second

// deleteRecords asks a partition's leader; the answer is the log start offset of all its replicas.
func (a *adminClient) deleteRecords(ctx context.Context, tp model.TopicPartition, offset int64) (int64, error) {
	for end := time.Now().Add(newLeaderPatience); ; {
		low, unknown, err := a.tryDeleteRecords(ctx, tp, offset)
		if !unknown || !time.Now().Before(end) {
			return low, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return low, err
		}
	}
}

// tryDeleteRecords is one attempt; unknown tells that the leader does not know the partition (yet).
func (a *adminClient) tryDeleteRecords(ctx context.Context, tp model.TopicPartition, offset int64) (low int64, unknown bool, err error) {
	failed := map[model.TopicPartition]offsetResult{}
	leaders, err := a.leaders(ctx, []model.TopicPartition{tp}, failed)
	if err != nil {
		return 0, false, err
	}
	if f, ok := failed[tp]; ok {
		return 0, false, f.err
	}
	for id := range leaders {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.TimeoutMillis = a.timeoutMs
		rt := kmsg.NewDeleteRecordsRequestTopic()
		rp := kmsg.NewDeleteRecordsRequestTopicPartition()
		rp.Partition, rp.Offset = tp.Partition, offset
		rt.Topic, rt.Partitions = tp.Topic, append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		resp, err := brokerRequest[*kmsg.DeleteRecordsResponse](ctx, a, "deleteRecords", id, req)
		if err != nil {
			return 0, false, err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := apiError(p.ErrorCode, nil); err != nil {
					return 0, p.ErrorCode == kerr.UnknownTopicOrPartition.Code || p.ErrorCode == kerr.NotLeaderForPartition.Code, err
				}
				return p.LowWatermark, false, nil
			}
		}
	}
	return 0, false, apiError(5, nil)
}
