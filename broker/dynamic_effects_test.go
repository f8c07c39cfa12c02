package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/zk"
	"momus/internal/model"
	"momus/storage/log"
	"momus/storage/record"
)

// topicOf creates a topic of one partition whose overrides are given, and gives its log. Topics are
// new for each probe, or one for each key: what a probe writes must not change what another sees.
func (r *rig) topicOf(topic string, overrides map[string]string) *log.Log {
	r.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10000
	of := kmsg.NewCreateTopicsRequestTopic()
	of.Topic, of.NumPartitions, of.ReplicationFactor = topic, 1, 1
	for name, value := range overrides {
		of.Configs = append(of.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: name, Value: &value})
	}
	req.Topics = append(req.Topics, of)
	const exists = 36
	if resp, err := req.RequestWith(r.t.Context(), r.client); err != nil || resp.Topics[0].ErrorCode != 0 && resp.Topics[0].ErrorCode != exists {
		r.t.Fatal(topic, resp, err)
	}
	tp := model.TopicPartition{Topic: topic}
	r.eventually("topic "+topic, func() bool {
		p := r.b.replicas.Partition(tp)
		return r.b.logs.Get(tp) != nil && p != nil && p.State().Leader == 1
	})
	return r.b.logs.Get(tp)
}

// fresh creates a topic that no probe has used.
func (r *rig) fresh(overrides map[string]string) *log.Log {
	return r.topicOf(fmt.Sprint("fresh-", r.topics.Add(1)), overrides)
}

// produce appends a batch of one record and gives the answer.
func (r *rig) produce(topic string, acks int16, at time.Time, key, value []byte) kmsg.ProduceResponseTopicPartition {
	r.t.Helper()
	b := record.NewBuilder(record.DefaultOptions())
	b.Append(at.UnixMilli(), key, value)
	raw := b.Bytes()
	if err := b.Err(); err != nil {
		r.t.Fatal(err)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 5000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: raw}}}}
	resp, err := req.RequestWith(r.t.Context(), r.client.Broker(1))
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.Topics[0].Partitions[0]
}

// fill produces n batches of a little more than 1000 bytes.
func (r *rig) fill(topic string, n int, at time.Time) {
	r.t.Helper()
	for range n {
		if p := r.produce(topic, 1, at, []byte("key"), make([]byte, 950)); p.ErrorCode != 0 {
			r.t.Fatalf("produce to %s: error %d", topic, p.ErrorCode)
		}
	}
}

// pass waits until the periodic tasks have gone through all logs: topics of its own, whose
// overrides make them due always, have been visited twice after everything that was there.
func (r *rig) pass() {
	r.t.Helper()
	last := r.topicOf("zz-last", map[string]string{"retention.bytes": "0", "flush.ms": "1", "segment.bytes": "1024"})
	for range 2 {
		r.fill("zz-last", 2, time.Now())
		end := last.LogEndOffset()
		r.eventually("a pass of the periodic tasks", func() bool { return last.RecoveryPoint() >= end && last.LogStartOffset() >= end-1 })
	}
}

func errorOf(p kmsg.ProduceResponseTopicPartition) string { return fmt.Sprint("error ", p.ErrorCode) }

// accepts probes the answer to one record, produced to a topic of the key's own.
func accepts(topic string, acks int16, age time.Duration, key []byte) func(r *rig) string {
	return func(r *rig) string {
		r.topicOf(topic, nil)
		return errorOf(r.produce(topic, acks, time.Now().Add(-age), key, []byte("value")))
	}
}

// toggle goes back and forth between two values of a key: to the first, to the second whose effect
// is the default's, and to the first again.
func toggle(value, want, other, before string) []step {
	return []step{{value, want, nil}, {other, before, nil}, {value, want, nil}}
}

// logKeys are the defaults of topics, as logs and those who use them act by them.
func logKeys() []dynamicKey {
	return []dynamicKey{
		{"compression.type", codecOnDisk, []step{{"lz4", "lz4", nil}, {"gzip", "gzip", nil}, {"snappy", "snappy", nil}}},
		{"log.cleanup.policy", accepts("policy", 1, 0, nil), toggle("compact", "error 87", "delete", "error 0")},
		{"log.flush.interval.messages", flushedAtOnce, toggle("1", "flushed", "1000000", "not flushed")},
		{"log.flush.interval.ms", flushedInTime, toggle("3600000", "not flushed", "1", "flushed")},
		{"log.index.interval.bytes", indexed, []step{{"0", "19 entries", nil}, {"2500", "6 entries", nil}, {"1000000", "0 entries", nil}}},
		{"log.index.size.max.bytes", segmentsOf(map[string]string{"index.interval.bytes": "0"}), []step{{"40", "4 segments", nil}, {"80", "2 segments", nil}, {"40", "4 segments", nil}}},
		{"log.message.downconversion.enable", fetchedOld, toggle("false", "error 35", "true", "error 0")},
		{"log.message.timestamp.difference.max.ms", accepts("difference", 1, time.Hour, nil), toggle("1000", "error 32", "7200000", "error 0")},
		{"log.message.timestamp.type", stamped, toggle("LogAppendTime", "of the broker", "CreateTime", "of the producer")},
		{"log.preallocate", preallocated, toggle("true", "whole", "false", "as it grows")},
		{"log.retention.bytes", retained("retention-bytes", nil), []step{{"5000", "5 segments left", nil}, {"2000", "2 segments left", nil}, {"5000", "5 segments left", nil}}},
		{"log.retention.ms", retained("retention-ms", nil), toggle("60000", "1 segments left", "7200000", "all left")},
		{"log.roll.jitter.ms", rolledEarly, toggle("1000000", "some early", "1", "none early")},
		{"log.roll.ms", rolled, toggle("1000", "rolled", "3600000", "not rolled")},
		{"log.segment.bytes", segmentsOf(nil), []step{{"2500", "10 segments", nil}, {"5500", "4 segments", nil}, {"2500", "10 segments", nil}}},
		{"log.segment.delete.delay.ms", removed, toggle("0", "gone", "3600000", "waits")},
		{"message.max.bytes", largest, []step{{"777", "up to 300", nil}, {"200", "up to 100", nil}, {"5000", "up to 3000", nil}}},
		{"min.insync.replicas", accepts("isr", -1, 0, nil), toggle("2", "error 19", "1", "error 0")},
	}
}

// codecOnDisk is how a batch that comes uncompressed is in the log.
func codecOnDisk(r *rig) (codec string) {
	l := r.topicOf("codec", nil)
	r.fill("codec", 1, time.Now())
	segments := l.Segments()
	err := segments[len(segments)-1].ForEachBatch(false, func(b record.Batch, _ int) error {
		codec = b.Codec().String()
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return codec
}

func flushed(l *log.Log, end int64) string {
	if l.RecoveryPoint() >= end {
		return "flushed"
	}
	return "not flushed"
}

func flushedAtOnce(r *rig) string {
	l := r.topicOf("flush-messages", map[string]string{"flush.ms": "3600000"})
	r.fill("flush-messages", 1, time.Now())
	return flushed(l, l.LogEndOffset())
}

func flushedInTime(r *rig) string {
	l := r.topicOf("flush-ms", nil)
	r.fill("flush-ms", 1, time.Now())
	end := l.LogEndOffset()
	r.pass()
	return flushed(l, end)
}

// indexed is how many entries the offset index of twenty batches has.
func indexed(r *rig) string {
	l := r.topicOf("index", nil)
	if err := l.Roll(); err != nil {
		r.t.Fatal(err)
	}
	r.fill("index", 20, time.Now())
	segments := l.Segments()
	size, err := segments[len(segments)-1].IndexSize()
	if err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprint(size/8, " entries")
}

// segmentsOf is how many segments twenty batches make.
func segmentsOf(overrides map[string]string) func(r *rig) string {
	return func(r *rig) string {
		l := r.topicOf(fmt.Sprint("segments", len(overrides)), overrides)
		if err := l.Roll(); err != nil {
			r.t.Fatal(err)
		}
		before := len(l.Segments())
		r.fill(l.TopicPartition().Topic, 20, time.Now())
		return fmt.Sprint(len(l.Segments())-before+1, " segments")
	}
}

// fetchedOld is the error of a fetch whose version wants an older format.
func fetchedOld(r *rig) string {
	r.topicOf("old", nil)
	r.fill("old", 1, time.Now())
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(3)
	req.MaxWaitMillis, req.MaxBytes = 100, 1<<20
	req.Topics = []kmsg.FetchRequestTopic{{Topic: "old", Partitions: []kmsg.FetchRequestTopicPartition{{PartitionMaxBytes: 1 << 20}}}}
	resp, _ := askPlain(r, req).(*kmsg.FetchResponse)
	if resp == nil {
		return "no answer"
	}
	return fmt.Sprint("error ", resp.Topics[0].Partitions[0].ErrorCode)
}

func stamped(r *rig) string {
	r.topicOf("stamp", nil)
	if r.produce("stamp", 1, time.Now().Add(-time.Hour), nil, []byte("value")).LogAppendTime >= 0 {
		return "of the broker"
	}
	return "of the producer"
}

// preallocated is how large the file of a new segment is.
func preallocated(r *rig) string {
	l := r.topicOf("preallocated", map[string]string{"segment.bytes": "1000000"})
	r.fill("preallocated", 1, time.Now())
	if err := l.Roll(); err != nil {
		r.t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(l.Dir(), fmt.Sprintf("%020d.log", l.ActiveBaseOffset())))
	if err != nil {
		r.t.Fatal(err)
	}
	if info.Size() >= 1000000 {
		return "whole"
	}
	return "as it grows"
}

// retained is what retention leaves of ten segments of one batch each.
func retained(topic string, overrides map[string]string) func(r *rig) string {
	return func(r *rig) string {
		l := r.topicOf(topic, map[string]string{"segment.bytes": "1050"})
		r.fill(topic, 10, time.Now().Add(-time.Hour))
		start := l.LogStartOffset()
		r.pass()
		if l.LogStartOffset() == start && len(l.Segments()) >= 10 {
			return "all left"
		}
		return fmt.Sprint(len(l.Segments()), " segments left")
	}
}

// rolled is whether a record that is ten seconds later than the first of its segment begins another.
func rolled(r *rig) string {
	l := r.topicOf("roll", nil)
	return map[bool]string{true: "rolled", false: "not rolled"}[r.rolls(l, 10*time.Second)]
}

func (r *rig) rolls(l *log.Log, after time.Duration) bool {
	if err := l.Roll(); err != nil {
		r.t.Fatal(err)
	}
	now, topic := time.Now(), l.TopicPartition().Topic
	r.fill(topic, 1, now)
	base := l.ActiveBaseOffset()
	r.fill(topic, 1, now.Add(after))
	return l.ActiveBaseOffset() != base
}

// rolledEarly is whether any of forty segments ends after half of its time; with a jitter as long as
// that time each does with a probability of a half.
func rolledEarly(r *rig) string {
	l := r.topicOf("jitter", map[string]string{"segment.ms": "1000000"})
	for range 40 {
		if r.rolls(l, 500*time.Second) {
			return "some early"
		}
	}
	return "none early"
}

// removed is whether the files of deleted segments, and the directory of a deleted topic, go at once.
func removed(r *rig) string {
	l := r.fresh(map[string]string{"segment.bytes": "1050"})
	topic := l.TopicPartition().Topic
	r.fill(topic, 3, time.Now())
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 5000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: 2}}}}
	if resp, err := req.RequestWith(r.t.Context(), r.client.Broker(1)); err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		r.t.Fatal(resp, err)
	}
	r.pass()
	dir, parent := l.Dir(), filepath.Dir(l.Dir())
	files := r.goes(filepath.Join(dir, "*.deleted"))
	del := kmsg.NewPtrDeleteTopicsRequest()
	del.TimeoutMillis, del.TopicNames = 10000, []string{topic}
	if resp, err := del.RequestWith(r.t.Context(), r.client); err != nil || resp.Topics[0].ErrorCode != 0 {
		r.t.Fatal(resp, err)
	}
	r.eventually("the directory is renamed", func() bool { _, err := os.Stat(dir); return err != nil })
	if directory := r.goes(filepath.Join(parent, topic+"-0.*-delete")); directory != files {
		return "files: " + files + ", directory: " + directory
	}
	return files
}

// goes reports whether the files of a pattern are gone within half a second.
func (r *rig) goes(pattern string) string {
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if names, err := filepath.Glob(pattern); err != nil || len(names) == 0 {
			return "gone"
		}
	}
	return "waits"
}

// largest is the largest value that is taken.
func largest(r *rig) string {
	r.topicOf("largest", nil)
	for _, n := range []int{100000, 3000, 300, 100} {
		if r.produce("largest", 1, time.Now(), nil, make([]byte, n)).ErrorCode == 0 {
			return fmt.Sprint("up to ", n)
		}
	}
	return "none"
}

// cleanerKeys are those that the cleaner goes by, with what it then does.
func cleanerKeys() []dynamicKey {
	soon := map[string]string{"min.cleanable.dirty.ratio": "0"}
	late := map[string]string{"min.cleanable.dirty.ratio": "1"}
	return []dynamicKey{
		{"log.cleaner.backoff.ms", (*rig).cleanerLooks, toggle("700", "seldom", "1", "often")},
		{"log.cleaner.min.cleanable.ratio", cleaned(nil), toggle("1", "left", "0.2", "cleaned")},
		{"log.cleaner.min.compaction.lag.ms", cleaned(soon), toggle("7200000", "left", "1", "cleaned")},
		{"log.cleaner.max.compaction.lag.ms", cleaned(late), toggle("60000", "cleaned", "7200000", "left")},
		{"log.cleaner.delete.retention.ms", tombstones, toggle("0", "gone", "86400000", "there")},
	}
}

// looked waits until the cleaner has looked for logs that are due, twice: the second look began
// after the call.
func (r *rig) looked() {
	for range 2 {
		now := time.Now()
		r.eventually("the cleaner looks for logs", func() bool { return r.b.cleaner.Stats().LastRun.After(now) })
	}
}

// cleaned is whether ten segments with one key, an hour old, are cleaned when the cleaner looks.
func cleaned(overrides map[string]string) func(r *rig) string {
	return func(r *rig) string {
		all := map[string]string{"cleanup.policy": "compact", "segment.bytes": "1050"}
		for name, value := range overrides {
			all[name] = value
		}
		l := r.fresh(all)
		r.fill(l.TopicPartition().Topic, 10, time.Now().Add(-time.Hour))
		r.looked()
		if r.records(l) < 10 {
			return "cleaned"
		}
		return "left"
	}
}

// records counts the records of a log.
func (r *rig) records(l *log.Log) (n int) {
	for _, s := range l.Segments() {
		err := s.ForEachBatch(false, func(b record.Batch, _ int) error {
			n += int(b.Count())
			return nil
		})
		if log.IsGone(err) { // the cleaner has just replaced it
			return r.records(l)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return n
}

// tombstones is whether a tombstone outlives the second cleaning.
func tombstones(r *rig) string {
	l := r.fresh(map[string]string{"cleanup.policy": "compact", "segment.bytes": "1050", "min.cleanable.dirty.ratio": "0"})
	topic := l.TopicPartition().Topic
	if p := r.produce(topic, 1, time.Now(), []byte("dead"), nil); p.ErrorCode != 0 {
		r.t.Fatal(p.ErrorCode)
	}
	for range 2 {
		r.fill(topic, 5, time.Now())
		r.looked()
		r.eventually("the log is cleaned", func() bool { return r.records(l) <= 3 })
	}
	if l.Segments()[0].BaseOffset() == 0 && r.first(l) == 0 {
		return "there"
	}
	return "gone"
}

// first is the offset of the first batch of a log.
func (r *rig) first(l *log.Log) int64 {
	first := int64(-1)
	for _, s := range l.Segments() {
		err := s.ForEachBatch(false, func(b record.Batch, _ int) error {
			if first < 0 {
				first = b.BaseOffset()
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return first
}

// electionKeys are those of the controller.
func electionKeys() []dynamicKey {
	return []dynamicKey{{"unclean.leader.election.enable", leaderless, toggle("true", "0 without a leader", "false", "1 without a leader")}}
}

// leaderless makes a partition whose only replica in sync is a broker that is not there, and counts
// the partitions that have no leader when the controller has looked at them all.
func leaderless(r *rig) string {
	ctx := r.t.Context()
	l := r.fresh(nil)
	tp := l.TopicPartition()
	s, ok, err := r.zk.State(ctx, tp)
	if err != nil || !ok {
		r.t.Fatal(ok, err)
	}
	s.Leader, s.ISR, s.LeaderEpoch = model.NoLeader, []int32{2}, s.LeaderEpoch+1
	if _, err := r.zk.UpdateISR(ctx, tp, s); err != nil {
		r.t.Fatal(err)
	}
	if err := r.zk.SetTopic(ctx, tp.Topic, zk.Assignments{0: {Replicas: []int32{1, 2}}}); err != nil {
		r.t.Fatal(err)
	}
	r.newController()
	r.fresh(nil)
	n := 0
	topics, err := r.zk.Topics(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, topic := range topics {
		if s, ok, err := r.zk.State(ctx, model.TopicPartition{Topic: topic}); err == nil && ok && s.Leader < 0 && strings.HasPrefix(topic, "fresh-") {
			n++
		}
	}
	return fmt.Sprint(n, " without a leader")
}

// newController has the broker become the controller again, which reads all states.
func (r *rig) newController() {
	conn, events, err := gozk.Connect([]string{r.coordination}, 10*time.Second, gozk.WithLogger(quiet{}))
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		for range events {
		}
	}()
	if err := conn.Delete("/controller", -1); err != nil {
		r.t.Fatal(err)
	}
	r.eventually("a controller", func() bool { id, err := r.zk.ControllerID(r.t.Context()); return err == nil && id == 1 })
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
