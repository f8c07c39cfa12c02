package doctor

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/internal/doctor"
	"momus/internal/model"
)

// Bounds of what is read. The doctor is to be run in production while something is wrong: what it
// reads must not make it worse.
const (
	headRecords = 500  // at the beginning of a compacted partition
	maxHeads    = 40   // partitions
	maxUnread   = 200  // partitions of groups of which the next record is looked at
	maxStable   = 100  // partitions of which the record at the last stable offset is looked at
	tailRecords = 5000 // at the end of a partition of an internal topic
	readBytes   = 512 << 10
)

// peek reads a few records of a partition. got is called for at most so many records, in their
// order; control records (markers of transactions) are passed over, yet their offsets count for the
// end.
type peek struct {
	tp    model.TopicPartition
	from  int64
	until int64 // the end of the partition
	most  int
	got   func(r *kgo.Record)
}

// records looks into partitions: at records that tell how old something is, and into the internal
// topics. What could not be read costs only the rules that need it.
func (g *gatherer) records(ctx context.Context) {
	var peeks []*peek
	peeks = append(peeks, g.stablePeeks()...)
	peeks = append(peeks, g.unreadPeeks()...)
	peeks = append(peeks, g.headPeeks()...)
	if err := g.read(ctx, peeks); err != nil {
		g.miss(doctor.Records, reason(g.o.Lang, err))
	}
	g.tails(ctx)
}

// stamp is a record's time, zero if the format has none: then no age can be told.
func stamp(r *kgo.Record) time.Time {
	if r.Timestamp.UnixMilli() <= 0 { // message format 0 has none
		return time.Time{}
	}
	return r.Timestamp
}

// stablePeeks read the record at the last stable offset: the first one of the oldest transaction
// that is open there.
func (g *gatherer) stablePeeks() (peeks []*peek) {
	for _, t := range g.s.Topics {
		for _, p := range t.Partitions {
			if p.Stable >= 0 && p.Stable < p.End && len(peeks) < maxStable {
				peeks = append(peeks, &peek{model.TopicPartition{Topic: t.Name, Partition: p.ID}, p.Stable, p.End, 1, func(r *kgo.Record) { p.StableSince = stamp(r) }})
			}
		}
	}
	return peeks
}

// unreadPeeks are the next records of groups, of those with the most lag first. With many groups,
// the least far behind are left out.
func (g *gatherer) unreadPeeks() []*peek {
	type next struct {
		o *doctor.Offset
		p *doctor.Partition
	}
	var list []next
	for _, x := range g.s.Groups {
		for i := range x.Offsets {
			o := &x.Offsets[i]
			if p := g.s.Partition(o.Partition); p != nil && o.Committed >= p.Start && o.Committed < p.End {
				list = append(list, next{o, p})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b next) int { return cmp.Compare(b.p.End-b.o.Committed, a.p.End-a.o.Committed) })
	var peeks []*peek
	for _, n := range list[:min(len(list), maxUnread)] {
		peeks = append(peeks, &peek{n.o.Partition, n.o.Committed, n.p.End, 1, func(r *kgo.Record) { n.o.Unread = stamp(r) }})
	}
	return peeks
}

// headPeeks look at compacted topics: a key that comes twice within a few hundred records, both
// old, was never compacted. The keys' own topics of Kafka are left out, which always have such.
func (g *gatherer) headPeeks() (peeks []*peek) {
	for _, t := range g.s.Topics {
		if policy, _ := t.Config.Get("cleanup.policy"); !strings.Contains(policy, "compact") || t.Internal {
			continue
		}
		for _, p := range t.Partitions {
			if p.Start < 0 || p.End <= p.Start || len(peeks) == maxHeads {
				continue
			}
			p.Head = &doctor.Head{}
			seen := map[string]int{}
			peeks = append(peeks, &peek{model.TopicPartition{Topic: t.Name, Partition: p.ID}, p.Start, p.End, headRecords, func(r *kgo.Record) {
				h := p.Head
				h.Records++
				h.Last = stamp(r)
				if r.Key == nil {
					h.Without++
					return
				}
				key := string(r.Key)
				if seen[key]++; seen[key] == 1 {
					return
				}
				h.Repeated++
				if h.Example == "" || seen[key] > 2 && len(h.Example) < 80 {
					h.Example = fmt.Sprintf("such as %.40q", key)
				}
			}})
		}
	}
	return peeks
}

// read carries out peeks, within the time limit. Those of the same partition are read one after the
// other. A consumer can be at one place of a partition at a time.
func (g *gatherer) read(ctx context.Context, peeks []*peek) error {
	for len(peeks) > 0 {
		now, later := map[model.TopicPartition]*peek{}, []*peek(nil)
		for _, p := range peeks {
			if now[p.tp] != nil {
				later = append(later, p)
			} else {
				now[p.tp] = p
			}
		}
		if err := g.readOnce(ctx, now); err != nil {
			return err
		}
		peeks = later
	}
	return nil
}

// readOnce consumes from many partitions at once until each peek has what it wants. Partitions of
// leaders that do not answer are dropped beforehand, since the client would wait for them until the
// end of the time. It takes entries out of peeks. An error is the last one of a partition, or that
// of the time limit; what was read until then has been handed out.
func (g *gatherer) readOnce(ctx context.Context, peeks map[model.TopicPartition]*peek) error {
	limit, cancel := context.WithTimeout(ctx, 2*g.o.Timeout)
	defer cancel()
	from := map[string]map[int32]kgo.Offset{}
	for tp, p := range peeks {
		if leader := g.s.Partition(tp); leader == nil || g.s.Broker(leader.Leader) == nil || !g.s.Broker(leader.Leader).Answers {
			delete(peeks, tp)
			continue
		}
		if from[tp.Topic] == nil {
			from[tp.Topic] = map[int32]kgo.Offset{}
		}
		from[tp.Topic][tp.Partition] = kgo.NewOffset().At(p.from)
	}
	if len(peeks) == 0 {
		return nil
	}
	// Uncommitted and with control records: what is sought lies beyond the last stable offset, and
	// an end that is a marker must be seen to be the end. Nothing is committed: there is no group.
	client, err := clients.New(g.quiet, g.cc, kgo.ConsumePartitions(from), kgo.FetchMaxPartitionBytes(readBytes), kgo.FetchMaxBytes(16<<20), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchIsolationLevel(kgo.ReadUncommitted()), kgo.KeepControlRecords(), kgo.DialTimeout(g.o.Timeout))
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	var failed error
	for len(peeks) > 0 {
		fetches := client.PollFetches(limit)
		if limit.Err() != nil {
			break
		}
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			tp := model.TopicPartition{Topic: f.Topic, Partition: f.Partition}
			p := peeks[tp]
			if p == nil {
				return
			}
			done := f.Err != nil
			if f.Err != nil {
				failed = f.Err
			}
			for _, r := range f.Records {
				if p.most > 0 && !r.Attrs.IsControl() {
					p.got(r)
					p.most--
				}
				// The end of the log at the first look is the end here: records that came since are
				// not waited for.
				done = done || p.most == 0 || r.Offset >= p.until-1
			}
			if done {
				delete(peeks, tp)
				// Without this the partitions that are done would be fetched again and again beside
				// the others.
				client.PauseFetchPartitions(map[string][]int32{f.Topic: {f.Partition}})
			}
		})
	}
	if ctx.Err() == nil && failed == nil && len(peeks) > 0 {
		return limit.Err()
	}
	return failed
}

// tails reads the last records of the internal topics. Both need the right to read these topics,
// which few users have: each is missing by itself.
func (g *gatherer) tails(ctx context.Context) {
	if err := g.read(ctx, g.commitPeeks()); err != nil {
		g.miss(doctor.CommitLog, model.OffsetsTopic+": "+reason(g.o.Lang, err))
	}
	open := map[string]doctor.Transaction{}
	if err := g.read(ctx, g.transactionPeeks(open)); err != nil {
		g.miss(doctor.Transactions, model.TransactionTopic+": "+reason(g.o.Lang, err))
	}
	for _, id := range slices.Sorted(keysOf(open)) {
		g.s.Transactions = append(g.s.Transactions, open[id])
	}
}

// tailPeeks reads the ends of all partitions of a topic. The newest records are at the end, and
// each partition has its own.
func (g *gatherer) tailPeeks(topic string, got func(partition int32, r *kgo.Record)) (peeks []*peek) {
	t := g.s.Topic(topic)
	if t == nil {
		return nil
	}
	for _, p := range t.Partitions {
		if from := max(p.Start, p.End-tailRecords); from >= 0 && p.End > from {
			peeks = append(peeks, &peek{model.TopicPartition{Topic: topic, Partition: p.ID}, from, p.End, tailRecords, func(r *kgo.Record) { got(p.ID, r) }})
		}
	}
	return peeks
}

// commitPeeks reads __consumer_offsets into the groups. Commits is set for every group, also for
// one without a record there: that nothing was found is knowledge too. The keys and values are
// those of GroupMetadataManager: version 0 and 1 of a key is an offset, 2 a group.
func (g *gatherer) commitPeeks() []*peek {
	topic := g.s.Topic(model.OffsetsTopic)
	if topic == nil {
		return nil
	}
	by := map[string]*doctor.Group{}
	for _, x := range g.s.Groups {
		by[x.Name] = x
		x.Commits = &doctor.Commits{First: map[model.TopicPartition]time.Time{}, Last: map[model.TopicPartition]time.Time{}, Count: map[model.TopicPartition]int{}}
	}
	since := map[int32]time.Time{}
	generation := map[string]int32{}
	peeks := g.tailPeeks(model.OffsetsTopic, func(partition int32, r *kgo.Record) {
		// The first record of a partition says since when the rest is known, for all groups in it.
		if since[partition].IsZero() {
			since[partition] = stamp(r)
			for _, x := range g.s.Groups {
				if model.PartitionForKey(x.Name, int32(len(topic.Partitions))) == partition {
					x.Commits.Since = stamp(r)
				}
			}
		}
		// A tombstone, or what a later version writes.
		if len(r.Key) < 2 || r.Value == nil {
			return
		}
		switch version := binary.BigEndian.Uint16(r.Key); version {
		case 0, 1:
			var k kmsg.OffsetCommitKey
			var v kmsg.OffsetCommitValue
			if k.ReadFrom(r.Key) != nil || v.ReadFrom(r.Value) != nil || by[k.Group] == nil {
				return
			}
			c, tp := by[k.Group].Commits, model.TopicPartition{Topic: k.Topic, Partition: k.Partition}
			when := time.UnixMilli(v.CommitTimestamp)
			if c.Count[tp]++; c.Count[tp] == 1 {
				c.First[tp] = when
			}
			c.Last[tp] = when
		case 2:
			var k kmsg.GroupMetadataKey
			var v kmsg.GroupMetadataValue
			if k.ReadFrom(r.Key) != nil || v.ReadFrom(r.Value) != nil || by[k.Group] == nil {
				return
			}
			// A generation is written more than once, as when its members' assignments come.
			if was, ok := generation[k.Group]; !ok || was != v.Generation {
				generation[k.Group] = v.Generation
				by[k.Group].Commits.Generations = append(by[k.Group].Commits.Generations, stamp(r))
			}
		}
	})
	return peeks
}

// States of transactions in __transaction_state. They are the bytes of TransactionMetadata; those
// that are missing here have nothing open.
const (
	ongoing       = 1
	prepareCommit = 2
	prepareAbort  = 3
)

// transactionPeeks reads __transaction_state: of each transactional id the last record counts.
func (g *gatherer) transactionPeeks(open map[string]doctor.Transaction) []*peek {
	return g.tailPeeks(model.TransactionTopic, func(_ int32, r *kgo.Record) {
		var k kmsg.TxnMetadataKey
		if k.ReadFrom(r.Key) != nil {
			return
		}
		// A later record replaces what an earlier one said, and a tombstone forgets it.
		delete(open, k.TransactionalID)
		var v kmsg.TxnMetadataValue
		if r.Value == nil || v.ReadFrom(r.Value) != nil {
			return
		}
		state := ""
		switch v.State {
		case ongoing:
			state = "open"
		case prepareCommit:
			state = "being committed"
		case prepareAbort:
			state = "being aborted"
		default:
			return
		}
		x := doctor.Transaction{ID: k.TransactionalID, State: state, Producer: v.ProducerID, Timeout: time.Duration(v.TimeoutMillis) * time.Millisecond}
		if v.StartTimestamp > 0 {
			x.Started = time.UnixMilli(v.StartTimestamp)
		}
		for _, t := range v.Topics {
			for _, p := range t.Partitions {
				x.Partitions = append(x.Partitions, model.TopicPartition{Topic: t.Topic, Partition: p})
			}
		}
		open[k.TransactionalID] = x
	})
}

// access asks for ACLs and quotas. Both are the same whoever is asked: any broker has them from
// ZooKeeper.
func (g *gatherer) access(ctx context.Context) {
	brokers := g.answering()
	if len(brokers) == 0 {
		g.miss(doctor.ACLs, g.o.Lang.Say("no broker answers", "응답하는 브로커가 없음"))
		g.miss(doctor.Quotas, g.o.Lang.Say("no broker answers", "응답하는 브로커가 없음"))
		return
	}
	g.acls(ctx, brokers[0].ID)
	g.quotas(ctx, brokers[0].ID)
}

// Names of the codes of KIP-140 as kafka-acls writes them; an operation that is not here is shown
// as its number.
var (
	resourceNames   = map[kmsg.ACLResourceType]string{2: "topic", 3: "group", 4: "cluster", 5: "transactional-id", 6: "delegation-token"}
	operationNames  = []string{"", "", "All", "Read", "Write", "Create", "Delete", "Alter", "Describe", "ClusterAction", "DescribeConfigs", "AlterConfigs", "IdempotentWrite"}
	permissionNames = map[kmsg.ACLPermissionType]string{2: "Deny", 3: "Allow"}
)

// securityDisabled is the code of a broker without an authorizer.
const securityDisabled = 54

// acls asks a broker for all ACLs with a filter that selects everything. Kafka answers
// SECURITY_DISABLED without an authorizer and CLUSTER_AUTHORIZATION_FAILED to who may not describe
// the cluster; either way the findings about ACLs are left out, and the report says so.
func (g *gatherer) acls(ctx context.Context, broker int32) {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourcePatternType, req.Operation, req.PermissionType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny, kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := ask[*kmsg.DescribeACLsResponse](ctx, g, broker, req)
	if err == nil && resp.ErrorCode == securityDisabled {
		g.miss(doctor.ACLs, g.o.Lang.Say("there is no authorizer", "인가가 켜져 있지 않음"))
		return
	}
	if err == nil {
		err = codeError(resp.ErrorCode)
	}
	if err != nil {
		g.miss(doctor.ACLs, reason(g.o.Lang, err))
		return
	}
	for _, r := range resp.Resources {
		pattern := "literal"
		if r.ResourcePatternType == kmsg.ACLResourcePatternTypePrefixed {
			pattern = "prefixed"
		}
		for _, a := range r.ACLs {
			operation := strconv.Itoa(int(a.Operation))
			if int(a.Operation) < len(operationNames) {
				operation = operationNames[a.Operation]
			}
			g.s.ACLs = append(g.s.ACLs, doctor.ACL{Resource: resourceNames[r.ResourceType], Name: r.ResourceName, Pattern: pattern, Principal: a.Principal, Host: a.Host, Operation: operation, Permission: permissionNames[a.PermissionType]})
		}
	}
}

// quotas asks for quotas (KIP-546); brokers before 2.6 have them in ZooKeeper only.
func (g *gatherer) quotas(ctx context.Context, broker int32) {
	// Those of ZooKeeper are whole, and need no right on the brokers.
	if g.s.ZooKeeper != nil && g.s.Quotas != nil {
		return
	}
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	resp, err := ask[*kmsg.DescribeClientQuotasResponse](ctx, g, broker, req)
	if err == nil {
		err = codeError(resp.ErrorCode)
	}
	if err != nil {
		if g.s.ZooKeeper == nil {
			g.miss(doctor.Quotas, g.o.Lang.Say("%s; --zookeeper would", "%s; --zookeeper를 주면 알 수 있음", reason(g.o.Lang, err)))
		}
		return
	}
	for _, e := range resp.Entries {
		q := doctor.Quota{Values: map[string]float64{}}
		for _, x := range e.Entity {
			// A name that is missing is the default of its kind.
			name := ""
			if x.Name != nil {
				name = *x.Name
			}
			switch x.Type {
			case "user":
				q.User = &name
			case "client-id":
				q.Client = &name
			}
		}
		for _, v := range e.Values {
			q.Values[v.Key] = v.Value
		}
		g.s.Quotas = append(g.s.Quotas, q)
	}
}
