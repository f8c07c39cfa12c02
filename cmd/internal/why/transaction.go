package why

import (
	"context"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/internal/journal"
	"momus/internal/model"
)

// Bounds of what is read of __transaction_state for one transactional id.
const (
	tailRecords = 20_000 // of its partition, the last ones
	mostStates  = 10     // that are told, the last ones
	logTime     = 10 * time.Second
)

// transactionState says which broker coordinates a transactional id and, if that one's journal cannot
// be read, what the coordinator's own log tells: the states that a transaction went through, and
// when. The log does not say why; but one that was aborted after its time-out had that reason.
func (r *run) transactionState(ctx context.Context, id string) ([]string, error) {
	l := r.o.Lang
	req := kmsg.NewPtrFindCoordinatorRequest()
	// 1 asks for the coordinator of a transactional id; 0 would be that of a group.
	req.CoordinatorKey, req.CoordinatorType = id, 1
	resp, err := clients.Request[*kmsg.FindCoordinatorResponse](ctx, r.admin, "findCoordinator", req)
	if err != nil {
		return nil, err
	}
	if resp.ErrorCode != 0 {
		return []string{say{"Who coordinates %s is not known.", "%s의 코디네이터를 알 수 없다."}.in(l, id)}, nil
	}
	lines := []string{say{"The coordinator of %s is broker %d.", "%s의 코디네이터는 %d번 브로커다."}.in(l, id, resp.NodeID)}
	// Its journal tells more, and tells why.
	if !r.silent(resp.NodeID) {
		return lines, nil
	}
	states, err := r.transactionLog(ctx, id)
	if err != nil {
		return append(lines, say{"Its journal cannot be read, and neither can its log (%v).", "그 저널도, 로그도 읽을 수 없다 (%v)."}.in(l, err)), nil
	}
	lines = append(lines, say{"Its journal cannot be read. Its log, __transaction_state, has:", "그 저널을 읽을 수 없다. 로그인 __transaction_state에는 이렇게 적혀 있다:"}.in(l))
	for i, s := range states {
		if i < len(states)-mostStates {
			continue
		}
		lines = append(lines, "  "+s.at.Local().Format("15:04:05.000")+"  "+s.text(l))
	}
	return append(lines, judge(states, time.Now(), l)...), nil
}

// logged is a record of __transaction_state.
type logged struct {
	at      time.Time
	state   string
	started time.Time // of the transaction; zero for none
	timeout time.Duration
	epoch   int16
	count   int // partitions
}

// text is a record of __transaction_state in a sentence.
func (s *logged) text(l journal.Lang) string {
	return say{"%s, producer epoch %d, %d partitions", "%s, 프로듀서 에포크 %d, 파티션 %d개"}.in(l, s.state, s.epoch, s.count)
}

// judge says what follows from the states of a transactional id.
func judge(states []logged, now time.Time, l journal.Lang) []string {
	if len(states) == 0 {
		return []string{say{"  nothing in its last records", "  마지막 레코드들에는 없다"}.in(l)}
	}
	last := &states[len(states)-1]
	// Empty and the states that end a transaction are not open ones.
	if last.state == "Ongoing" {
		return []string{say{"It has been open for %s; after %s the coordinator aborts it.", "열린 지 %s; %s이 지나면 코디네이터가 중단한다."}.in(l, roughly(now.Sub(last.started)), roughly(last.timeout))}
	}
	var aborted *logged
	for i := range states {
		// The decision: CompleteAbort is written when all partitions have their marker.
		if states[i].state == "PrepareAbort" {
			aborted = &states[i]
		}
	}
	if aborted == nil {
		return nil
	}
	if open := aborted.at.Sub(aborted.started); !aborted.started.IsZero() && open >= aborted.timeout {
		return []string{say{"The last abort came %s after the begin, and the time-out is %s: the coordinator did it, because the transaction was open for too long.",
			"마지막 중단은 시작하고 %s 뒤였고 제한 시간은 %s이다. 너무 오래 열려 있어서 코디네이터가 중단했다."}.in(l, roughly(open), roughly(aborted.timeout))}
	}
	return []string{say{"The last abort came within the time-out: the producer asked for it, or a new one with the same id took over. Which, the log does not say.",
		"마지막 중단은 제한 시간 안에 있었다. 프로듀서가 요청했거나, 같은 id의 새 프로듀서가 시작했다. 어느 쪽인지는 로그에 없다."}.in(l)}
}

// transactionLog reads what __transaction_state has of a transactional id, the oldest first.
func (r *run) transactionLog(ctx context.Context, id string) ([]logged, error) {
	ctx, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	m, err := r.admin.Metadata(ctx, "describeTopics", []string{model.TransactionTopic})
	if err != nil {
		return nil, err
	}
	if len(m.Topics) == 0 || len(m.Topics[0].Partitions) == 0 {
		return nil, nil
	}
	// The partition of an id is that of its hash, which also decides its coordinator.
	tp := model.TopicPartition{Topic: model.TransactionTopic, Partition: model.PartitionForKey(id, int32(len(m.Topics[0].Partitions)))}
	ends, err := r.admin.OffsetsAt(ctx, []model.TopicPartition{tp}, -1)
	if err != nil {
		return nil, err
	}
	starts, err := r.admin.OffsetsAt(ctx, []model.TopicPartition{tp}, -2)
	if err != nil {
		return nil, err
	}
	// Compaction leaves gaps in the offsets, so that there may be fewer records between them.
	from, until := max(starts[tp], ends[tp]-tailRecords), ends[tp]
	if from >= until {
		return nil, nil
	}
	props, err := core.ReadProperties(r.o.ConfigFile)
	if err != nil {
		return nil, err
	}
	props["bootstrap.servers"] = r.o.Servers
	env := *r.c.Env
	env.Stderr = io.Discard // what goes wrong is in the answer
	client, err := clients.New(&core.Call{Env: &env, Out: r.c.Out}, &clients.Config{Props: props, Prefix: "[Why]"},
		// Nothing of this topic is transactional itself; uncommitted is what the coordinator reads,
		// too.
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{tp.Topic: {tp.Partition: kgo.NewOffset().At(from)}}), kgo.FetchIsolationLevel(kgo.ReadUncommitted()), kgo.KeepControlRecords())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var states []logged
	for at := from; at < until; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			// Whatever it is about: the range ends at an offset.
			at = rec.Offset + 1
			if s, ok := transactionRecord(rec, id); ok {
				states = append(states, s)
			}
		})
	}
	return states, nil
}

// transactionRecord reads a record of __transaction_state, if it is about the id.
func transactionRecord(rec *kgo.Record, id string) (s logged, ok bool) {
	var k kmsg.TxnMetadataKey
	var v kmsg.TxnMetadataValue
	if k.ReadFrom(rec.Key) != nil || k.TransactionalID != id || rec.Value == nil || v.ReadFrom(rec.Value) != nil {
		return s, false
	}
	s = logged{at: time.UnixMilli(v.LastUpdateTimestamp), state: core.TransactionState(int8(v.State)), timeout: time.Duration(v.TimeoutMillis) * time.Millisecond, epoch: v.ProducerEpoch}
	// -1 where no transaction has begun.
	if v.StartTimestamp > 0 {
		s.started = time.UnixMilli(v.StartTimestamp)
	}
	for _, t := range v.Topics {
		s.count += len(t.Partitions)
	}
	return s, true
}
