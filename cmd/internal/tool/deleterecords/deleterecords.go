// Package deleterecords is kafka-delete-records: it moves the beginning of logs forward (KIP-107).
package deleterecords

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/internal/kerr"
	"momus/internal/model"
)

// deleteRecordsOptions are those of kafka.admin.DeleteRecordsCommand.
func deleteRecordsOptions() *options.Options {
	return options.Read("This tool helps to delete records of the given partitions down to the specified offset.", `
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--offset-json-file <FILE>         the offsets: {"partitions": [{"topic": "foo", "partition": 1, "offset": 1}], "version": 1}; -1 is the end
		--command-config <FILE>           properties of the client
	`).Standard().Requires("bootstrap-server", "offset-json-file")
}

// Tool is kafka-delete-records.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-delete-records", Help: "delete the oldest records of partitions", Class: "kafka.admin.DeleteRecordsCommand"}.
		Begun(deleteRecordsOptions, clients.WithAdmin(deleteRecords))
}

// deleteRecords goes through the partitions one by one, as the file has them: one that fails is
// reported in its line, and the others are still done. Kafka prints both headings before it begins.
func deleteRecords(ctx context.Context, c *core.Call, o *options.Options, a *clients.Admin) error {
	file, err := o.One("offset-json-file")
	if err != nil {
		return err
	}
	data, err := core.ReadFile(file)
	if err != nil {
		return &java.Error{Class: "java.io.IOException", Text: "Unable to read file " + file, Cause: err}
	}
	offsets, order, err := parseDeleteOffsets(data)
	if err != nil {
		return err
	}
	c.Println("Executing records delete operation")
	c.Println("Records delete operation completed:")
	for _, tp := range order {
		low, err := sendDeleteRecords(a, ctx, tp, offsets[tp])
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			c.Printf("partition: %s-%d\terror: %s\n", tp.Topic, tp.Partition, java.Text(err))
			continue
		}
		c.Printf("partition: %s-%d\tlow_watermark: %d\n", tp.Topic, tp.Partition, low)
	}
	return nil
}

// parseDeleteOffsets reads the file of version 1. The order of the file is kept, for the report; a
// partition may be there once.
func parseDeleteOffsets(data []byte) (map[model.TopicPartition]int64, []model.TopicPartition, error) {
	var doc struct {
		Version    *int
		Partitions *[]struct {
			Topic     string
			Partition int32
			Offset    *int64
		}
	}
	if err := java.ParseJSON(data, &doc, java.AdminOperation("The input string is not a valid JSON")); err != nil {
		return nil, nil, err
	}
	if doc.Version != nil && *doc.Version != 1 {
		return nil, nil, java.AdminOperation(fmt.Sprintf("Not supported version field value %d", *doc.Version))
	}
	if doc.Partitions == nil {
		return nil, nil, java.AdminOperation("Missing partitions field")
	}
	offsets := map[model.TopicPartition]int64{}
	var order []model.TopicPartition
	for _, p := range *doc.Partitions {
		tp := model.TopicPartition{Topic: p.Topic, Partition: p.Partition}
		if _, twice := offsets[tp]; twice && p.Offset != nil {
			return nil, nil, &java.Error{Class: "kafka.common.AdminCommandFailedException", Text: fmt.Sprintf("Offset json file contains duplicate topic partitions: %s-%d", tp.Topic, tp.Partition)}
		}
		if p.Offset == nil {
			return nil, nil, java.NoField("offset")
		}
		offsets[tp] = *p.Offset
		order = append(order, tp)
	}
	return offsets, order, nil
}

// newLeaderPatience is how long a partition that the cluster knows may be unknown to its leader: a
// topic made a moment ago.
const newLeaderPatience = 2 * time.Second

// sendDeleteRecords asks a partition's leader; the answer is the log start offset of all its
// replicas.
func sendDeleteRecords(a *clients.Admin, ctx context.Context, tp model.TopicPartition, offset int64) (int64, error) {
	for end := time.Now().Add(newLeaderPatience); ; {
		low, unknown, err := tryDeleteRecords(a, ctx, tp, offset)
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
func tryDeleteRecords(a *clients.Admin, ctx context.Context, tp model.TopicPartition, offset int64) (low int64, unknown bool, err error) {
	failed := map[model.TopicPartition]clients.OffsetResult{}
	leaders, err := a.Leaders(ctx, []model.TopicPartition{tp}, failed)
	if err != nil {
		return 0, false, err
	}
	if f, ok := failed[tp]; ok {
		return 0, false, f.Err
	}
	for id := range leaders {
		req := kmsg.NewPtrDeleteRecordsRequest()
		// The leader answers when every replica in sync has moved its beginning, or when this time
		// is over.
		req.TimeoutMillis = a.TimeoutMs
		rt := kmsg.NewDeleteRecordsRequestTopic()
		rp := kmsg.NewDeleteRecordsRequestTopicPartition()
		rp.Partition, rp.Offset = tp.Partition, offset
		rt.Topic, rt.Partitions = tp.Topic, append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		resp, err := clients.BrokerRequest[*kmsg.DeleteRecordsResponse](ctx, a, "deleteRecords", id, req)
		if err != nil {
			return 0, false, err
		}
		if len(resp.Topics) > 0 && len(resp.Topics[0].Partitions) > 0 {
			p := resp.Topics[0].Partitions[0]
			if err := java.OfCode(p.ErrorCode, nil); err != nil {
				return 0, p.ErrorCode == kerr.UnknownTopicOrPartition.Code || p.ErrorCode == kerr.NotLeaderForPartition.Code, err
			}
			return p.LowWatermark, false, nil
		}
	}
	// LEADER_NOT_AVAILABLE.
	return 0, false, java.OfCode(5, nil)
}
