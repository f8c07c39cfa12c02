package txn

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	"momus/storage/record"
)

// raw speaks the protocol of a transactional producer request by request.
type raw struct {
	ctx   context.Context
	t     *testing.T
	cl    *kgo.Client
	id    string
	pid   int64
	epoch int16
}

func (r *raw) ask(req kmsg.Request) kmsg.Response {
	r.t.Helper()
	resp, err := r.cl.SeedBrokers()[0].Request(r.ctx, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp
}

func (r *raw) expect(what string, code int16, want error) {
	r.t.Helper()
	if got := kerr.ErrorForCode(code); got != want {
		r.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// init waits for the coordinator too.
func (r *raw) init() {
	r.t.Helper()
	testkit.Eventually(r.t, 20*time.Second, "the producer has an id", func() bool {
		find := kmsg.NewPtrFindCoordinatorRequest() // makes the internal topic
		find.CoordinatorKey, find.CoordinatorType = r.id, 1
		if r.ask(find).(*kmsg.FindCoordinatorResponse).ErrorCode != 0 {
			return false
		}
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis = &r.id, 60000
		resp := r.ask(req).(*kmsg.InitProducerIDResponse)
		r.pid, r.epoch = resp.ProducerID, resp.ProducerEpoch
		return resp.ErrorCode == 0
	})
}

func (r *raw) add(partition int32) {
	r.t.Helper()
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = r.id, r.pid, r.epoch
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "t", Partitions: []int32{partition}}}
	r.expect("add", r.ask(req).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode, nil)
}

func (r *raw) end() {
	r.t.Helper()
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = r.id, r.pid, r.epoch, true
	r.expect("end", r.ask(req).(*kmsg.EndTxnResponse).ErrorCode, nil)
}

func (r *raw) produce(what string, partition int32, epoch int16, sequence int32, want error) {
	r.t.Helper()
	o := record.DefaultOptions()
	o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = r.pid, epoch, sequence, true
	b := record.NewBuilder(o)
	b.Append(time.Now().UnixMilli(), nil, []byte(what))
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = &r.id, -1, 5000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: partition, Records: b.Bytes()}}}}
	r.expect(what, r.ask(req).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode, want)
}

func (r *raw) commitOffset(what string, epoch int16, want error) {
	r.t.Helper()
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = r.id, "g", r.pid, epoch
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: 7, LeaderEpoch: -1}}}}
	r.expect(what, r.ask(req).(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode, want)
}

// A request that was under way for longer than its transaction is refused where its broker
// coordinates the producer: it would open a transaction that nobody ends, and that holds up every
// read_committed consumer of the partition.
func TestLateRequestsOpenNoTransaction(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	ctx := deadline(t)
	createTopic(ctx, t, c, "t", 2)
	cl := client(t, c)
	admin := kadm.NewClient(cl)
	r := &raw{ctx: ctx, t: t, cl: cl, id: "id"}
	// Offsets are committed by nobody before, so this waits for the group coordinator.
	testkit.Eventually(t, 20*time.Second, "the group can be read", func() bool {
		_, err := admin.FetchOffsets(ctx, "g")
		return err == nil
	})
	r.init()
	r.produce("before it is added", 0, r.epoch, 0, kerr.NotEnoughReplicas)
	r.add(0)
	r.produce("first", 0, r.epoch, 0, nil)
	r.produce("to another partition", 1, r.epoch, 0, kerr.NotEnoughReplicas)
	r.commitOffset("offsets of a group that was not added", r.epoch, kerr.CoordinatorNotAvailable)
	r.end()
	testkit.Eventually(t, 10*time.Second, "the transaction has ended", func() bool { return committedEnd(ctx, t, admin, "t") == 2 })
	r.produce("after the end", 0, r.epoch, 1, kerr.NotEnoughReplicas)
	r.produce("the first again", 0, r.epoch, 0, nil) // a duplicate, answered as such
	old := r.epoch
	r.init()
	r.produce("fenced", 0, old, 1, kerr.InvalidProducerEpoch)
	r.produce("fenced, where the epoch is not known yet", 1, old, 0, kerr.InvalidProducerEpoch)
	r.commitOffset("fenced offsets", old, kerr.InvalidProducerEpoch)
	if stable, end := committedEnd(ctx, t, admin, "t"), logEnd(ctx, t, admin, "t"); stable != 2 || end != 2 {
		t.Errorf("last stable offset %d, log end %d, want 2", stable, end)
	}
	r.add(0)
	r.produce("next", 0, r.epoch, 0, nil)
	r.end()
	testkit.Eventually(t, 10*time.Second, "the next transaction has ended", func() bool { return committedEnd(ctx, t, admin, "t") == 4 })
}
