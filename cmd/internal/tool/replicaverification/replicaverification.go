// Package replicaverification is kafka-replica-verification: it fetches from all replicas and
// compares what they have.
package replicaverification

import (
	"context"
	"encoding/binary"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/internal/model"
)

// replicaVerificationOptions are those of kafka.tools.ReplicaVerificationTool.
func replicaVerificationOptions() *options.Options {
	return options.Read("Validate that all replicas for a set of topics have the same data.", `
		--broker-list <HOST:PORT,…>  brokers to begin with
		--fetch-size <BYTES>         how much to read of a partition at a time (default: 1048576)
		--max-wait-ms <MS>           how long a broker may wait for data (default: 1000)
		--topic-white-list <REGEX>   the topics to compare (default: .*)
		--time <MS>                  where to begin: a time, -1 for the end, -2 for the beginning (default: -1)
		--report-interval-ms <MS>    how often to report (default: 30000)
	`).Standard().Requires("broker-list")
}

// Tool is kafka-replica-verification.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-replica-verification", Help: "compare the replicas of partitions", Class: "kafka.tools.ReplicaVerificationTool"}.
		Begun(replicaVerificationOptions, replicaVerification)
}

// replicaVerification reads the same offsets from all replicas, compares what came, and reports the
// greatest lag, until it is ended.
func replicaVerification(ctx context.Context, c *core.Call, o *options.Options) error {
	wanted, err := topicList(o)
	if err != nil {
		return err
	}
	v := &replicaVerifier{c: c}
	if err := v.settings(o); err != nil {
		return err
	}
	servers, err := o.One("broker-list")
	if err != nil {
		return err
	}
	if !clients.ValidServers(servers) {
		return options.Misuse("Please provide valid host:port like host1:9091,host2:9092\n ")
	}
	if err := v.connect(servers); err != nil {
		return err
	}
	defer v.admin.Close()
	if err := v.replicas(ctx, wanted); err != nil {
		return err
	}
	return v.run(ctx)
}

// topicList reads --topic-white-list, a regular expression of topics, anchored, in which a comma is
// an alternative.
func topicList(o *options.Options) (func(string) bool, error) {
	raw, err := o.One("topic-white-list")
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer(",", "|", " ", "", `"`, "", "'", "").Replace(strings.TrimSpace(raw))
	re, err := regexp.Compile("^(?:" + text + ")$")
	if err != nil {
		return nil, &java.Error{Class: "java.lang.RuntimeException", Text: raw + " is an invalid regex."}
	}
	return re.MatchString, nil
}

// replicaVerifier compares replicas.
type replicaVerifier struct {
	c                   *core.Call
	admin               *clients.Admin
	fetchSize, maxWait  int32
	at                  int64 // the time whose offset comes first
	interval            time.Duration
	brokers             []int32
	byBroker            map[int32][]model.TopicPartition
	partitions          []model.TopicPartition
	next                map[model.TopicPartition]int64
	lastReport          time.Time
	maxLag, offsetOfLag int64
	lagging             *model.TopicPartition
}

// settings reads the numbers of the options.
func (v *replicaVerifier) settings(o *options.Options) error {
	numbers := map[string]int64{}
	for name, bits := range map[string]int{"fetch-size": 32, "max-wait-ms": 32, "time": 64, "report-interval-ms": 64} {
		n, err := o.Number(name, bits)
		if err != nil {
			return err
		}
		numbers[name] = n
	}
	v.fetchSize, v.maxWait, v.at = int32(numbers["fetch-size"]), int32(numbers["max-wait-ms"]), numbers["time"]
	v.interval = time.Duration(numbers["report-interval-ms"]) * time.Millisecond
	return nil
}

// connect makes a client that speaks as Kafka 2.5 does: later versions of Fetch name topics by
// their ids.
func (v *replicaVerifier) connect(servers string) error {
	cc := &clients.Config{Props: map[string]string{"bootstrap.servers": servers, "client.id": "adminclient-1"}, Prefix: "[AdminClient clientId=adminclient-1]"}
	cl, err := clients.New(v.c, cc, kgo.RetryTimeout(time.Minute), kgo.MaxVersions(kversion.V2_5_0()))
	if err != nil {
		return err
	}
	v.admin = &clients.Admin{Client: cl, C: v.c, ApiTimeout: time.Minute, TimeoutMs: 30000}
	return nil
}

// replicas finds out which brokers have which partitions, and where to begin.
func (v *replicaVerifier) replicas(ctx context.Context, wanted func(string) bool) error {
	resp, err := v.admin.Metadata(ctx, "listTopics", nil)
	if err != nil {
		return java.Execution(err)
	}
	v.byBroker = map[int32][]model.TopicPartition{}
	for _, t := range resp.Topics {
		if !wanted(core.StringOf(t.Topic)) {
			continue
		}
		// LEADER_NOT_AVAILABLE: the replicas are known all the same.
		if err := java.OfCode(t.ErrorCode, nil); err != nil && t.ErrorCode != 5 {
			return java.Execution(err)
		}
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: core.StringOf(t.Topic), Partition: p.Partition}
			v.partitions = append(v.partitions, tp)
			for _, id := range p.Replicas {
				v.byBroker[id] = append(v.byBroker[id], tp)
			}
		}
	}
	if len(v.partitions) == 0 {
		v.c.Log("ERROR", "kafka.tools.ReplicaVerificationTool$", "No topics found. [topic-white-list] if specified, is either filtering out all topics or there is no topic.")
		return core.Exit(1)
	}
	v.brokers = slices.Sorted(maps.Keys(v.byBroker))
	slices.SortFunc(v.partitions, model.TopicPartition.Compare)
	v.next, err = v.offsets(ctx, v.partitions, v.at)
	return err
}

// offsets are those at a time; after the last message the end.
func (v *replicaVerifier) offsets(ctx context.Context, tps []model.TopicPartition, at int64) (map[model.TopicPartition]int64, error) {
	return v.admin.OffsetsAt(ctx, tps, at)
}

// run compares round after round, and reports the replica that is furthest behind at each interval.
func (v *replicaVerifier) run(ctx context.Context) error {
	v.c.Printf("%s: verification process is started.\n", core.LogTime(time.Now()))
	v.c.Out.Flush()
	v.lastReport = time.Now()
	for ctx.Err() == nil {
		began := time.Now()
		err := v.verify(v.fetchAll(ctx))
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if now := time.Now(); now.Sub(v.lastReport) > v.interval {
			name := "null"
			if v.lagging != nil {
				name = v.lagging.String()
			}
			v.c.Printf("%s: max lag is %d for partition %s at offset %d among %d partitions\n", core.LogTime(now), v.maxLag, name, v.offsetOfLag, len(v.partitions))
			v.lastReport = now
		}
		v.c.Out.Flush()
		if rest := 20*time.Millisecond - time.Since(began); rest > 0 { // brokers that do not answer must not make this spin
			select {
			case <-time.After(rest):
			case <-ctx.Done():
			}
		}
	}
	return ctx.Err()
}

// fetched is what a broker had of a partition.
type fetched struct {
	broker  int32
	hw      int64
	records []byte
}

// fetchAll asks all brokers at once. A broker that does not answer has nothing.
func (v *replicaVerifier) fetchAll(ctx context.Context) map[model.TopicPartition][]fetched {
	results := make([]map[model.TopicPartition]fetched, len(v.brokers))
	var wg sync.WaitGroup
	for i, id := range v.brokers {
		wg.Go(func() { results[i] = v.fetch(ctx, id) })
	}
	wg.Wait()
	out := map[model.TopicPartition][]fetched{}
	for i, id := range v.brokers {
		for _, tp := range v.byBroker[id] {
			f, ok := results[i][tp]
			if !ok {
				f = fetched{broker: id, hw: -1}
			}
			out[tp] = append(out[tp], f)
		}
	}
	return out
}

// debuggingConsumer is the replica id of a reader that may read from followers.
const debuggingConsumer = -2

// fetch reads from one broker as a consumer for debugging, which followers answer, too; nil when
// the broker does not answer in time.
func (v *replicaVerifier) fetch(ctx context.Context, broker int32) map[model.TopicPartition]fetched {
	req := kmsg.NewPtrFetchRequest()
	// No limit on the whole, only on a partition, and no session: every round asks for all
	// partitions (KIP-227).
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = debuggingConsumer, v.maxWait, 1, 1<<31-1
	req.SessionEpoch = -1
	req.Topics = clients.ByTopic(v.byBroker[broker], func(topic string) kmsg.FetchRequestTopic {
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic = topic
		return rt
	}, func(rt *kmsg.FetchRequestTopic, tp model.TopicPartition) {
		rp := kmsg.NewFetchRequestTopicPartition()
		// An epoch of -1 is not checked (KIP-320): here followers are asked, which may be behind
		// the leader's.
		rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes, rp.CurrentLeaderEpoch = tp.Partition, v.next[tp], v.fetchSize, -1
		rt.Partitions = append(rt.Partitions, rp)
	})
	limit, cancel := context.WithTimeout(ctx, 30*time.Second+time.Duration(v.maxWait)*time.Millisecond)
	defer cancel()
	resp, err := v.admin.Broker(int(broker)).Request(limit, req)
	if err != nil {
		return nil
	}
	out := map[model.TopicPartition]fetched{}
	for _, t := range resp.(*kmsg.FetchResponse).Topics {
		for _, p := range t.Partitions {
			f := fetched{broker: broker, hw: p.HighWatermark, records: p.RecordBatches}
			if p.ErrorCode != 0 {
				f.hw, f.records = -1, nil
			}
			out[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = f
		}
	}
	return out
}

// verify compares what came, batch by batch, up to the high watermark, and notes the greatest lag.
func (v *replicaVerifier) verify(all map[model.TopicPartition][]fetched) error {
	v.maxLag = -1
	for _, tp := range v.partitions {
		replicas, highest := all[tp], int64(-1)
		for _, r := range replicas {
			highest = max(highest, r.hw)
		}
		for {
			next, ok, err := v.compare(tp, replicas)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			v.next[tp] = next
		}
		if lag := highest - v.next[tp]; lag > v.maxLag {
			v.maxLag, v.offsetOfLag, v.lagging = lag, v.next[tp], &tp
		}
	}
	return nil
}

// compare takes the next batch of every replica; ok when all have it.
func (v *replicaVerifier) compare(tp model.TopicPartition, replicas []fetched) (next int64, ok bool, err error) {
	var first *batchInfo
	ok = len(replicas) > 0
	for i := range replicas {
		r := &replicas[i]
		b, rest, found := nextBatch(r.records)
		// At the high watermark and beyond followers may lack records, or have some that will be
		// cut off.
		if !found || b.last >= r.hw {
			ok = false
			continue
		}
		r.records = rest
		b.broker = r.broker
		if first == nil {
			first = &b
			continue
		}
		now := core.LogTime(time.Now())
		if first.last != b.last {
			v.c.Printf("%s: partition %s: replica %d's offset %d doesn't match replica %d's offset %d\n", now, tp, first.broker, first.last, r.broker, b.last)
			return 0, false, core.Exit(1)
		}
		// Told, and the comparison goes on; other offsets end it, since nothing behind them would
		// line up.
		if first.crc != b.crc {
			v.c.Printf("%s: partition %s has unmatched checksum at offset %d; replica %d's checksum %d; replica %d's checksum %d\n",
				now, tp, b.last, first.broker, first.crc, r.broker, b.crc)
		}
	}
	if !ok {
		return 0, false, nil
	}
	return first.last + 1, true, nil
}

// batchInfo is what is compared of a batch, or of a message of an old format.
type batchInfo struct {
	last   int64 // offset
	crc    uint32
	broker int32
}

// nextBatch reads the head of the first batch; found is false when there is no whole one.
func nextBatch(b []byte) (info batchInfo, rest []byte, found bool) {
	const overhead = 12 // offset and length
	// The same in all formats: offset at 0, length at 8, magic at 16. The CRC is at 12 before
	// format 2, at 17 in it.
	if len(b) < overhead+17 {
		return batchInfo{}, nil, false
	}
	offset, size := int64(binary.BigEndian.Uint64(b)), int(int32(binary.BigEndian.Uint32(b[8:])))
	if size < 14 || size > len(b)-overhead {
		return batchInfo{}, nil, false
	}
	if magic := b[16]; magic < 2 {
		return batchInfo{last: offset, crc: binary.BigEndian.Uint32(b[12:])}, b[overhead+size:], true
	}
	// With the overhead 61 bytes, the header of format 2; its offset is the first one, and the
	// distance to the last is at 23.
	if size < 49 {
		return batchInfo{}, nil, false
	}
	delta := int32(binary.BigEndian.Uint32(b[23:]))
	return batchInfo{last: offset + int64(delta), crc: binary.BigEndian.Uint32(b[17:])}, b[overhead+size:], true
}
