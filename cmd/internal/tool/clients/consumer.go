package clients

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/internal/model"
)

// ErrNoMessage is what waiting for a message ends with when its time is over; Java's exception has
// no text either.
var ErrNoMessage = &java.Error{Class: java.ErrorsPackage + "TimeoutException"}

// Position is where a consumer stands in a partition: the next offset, and the epoch of the record
// before it, -1 when not known.
type Position struct {
	Offset int64
	Epoch  int32
}

// Consumer is a Java consumer with at most 500 records in hand: it commits every five seconds, and
// when it closes, the offsets up to which records were taken from it.
type Consumer struct {
	Cl     *kgo.Client
	C      *core.Call
	prefix string

	commits  bool          // enable.auto.commit, in a group with a name
	interval time.Duration // auto.commit.interval.ms
	Next     func(ctx context.Context, timeout time.Duration) (*kgo.Record, error)

	OnAssigned, OnRevoked func(parts map[string][]int32) // told when the group gives and takes partitions, when not nil
	MayCommit             func() bool                    // asked before offsets are committed by themselves, when not nil

	Records []*kgo.Record // polled, not yet taken
	prepare func(ctx context.Context) error
	polled  bool

	mu struct {
		sync.Mutex
		positions map[model.TopicPartition]Position
		former    map[model.TopicPartition]former // where it stood when a session was lost
		committed time.Time
	}
}

// former is where a consumer stood in a partition that it lost without a chance to commit.
type former struct {
	Position
	at time.Time
}

// formerTime is how long a former position counts. A broker is back sooner, and then Java's
// consumer would still have its session.
const formerTime = time.Minute

// ConsumeSpec is what a consumer reads, and with which settings.
type ConsumeSpec struct {
	Topic, Pattern string // one of them
	Partition      int32  // -1: with a group
	Offset         int64  // in partition: -2 earliest, -1 latest
	Group          string
	Named          bool // the group was given
	Props          map[string]string
}

// NewConsumer makes a consumer of a specification; its errors are those of Java's constructor.
func NewConsumer(c *core.Call, s *ConsumeSpec) (*Consumer, error) {
	if err := parseProperties(consumerDefinitions(), s.Props); err != nil {
		return nil, err
	}
	if err := checkClasses("consumer", s.Props); err != nil {
		return nil, err
	}
	if s.Topic == "" && s.Pattern == "" {
		return nil, java.IllegalArgument("Topic collection to subscribe to cannot contain null or empty topic")
	}
	clientID := s.Props["client.id"]
	if clientID == "" {
		clientID = "consumer-" + s.Group + "-1"
		s.Props["client.id"] = clientID
	}
	r := &Consumer{C: c, prefix: fmt.Sprintf("[Consumer clientId=%s, groupId=%s]", clientID, s.Group), interval: 5 * time.Second}
	r.Next = r.Take
	r.mu.positions, r.mu.former = map[model.TopicPartition]Position{}, map[model.TopicPartition]former{}
	cc := &Config{Props: s.Props, Prefix: r.prefix, Boot: true}
	opts, err := r.fetchOptions(cc)
	if err != nil {
		return nil, err
	}
	// none is an error for a partition without an offset, which Java throws out of poll
	// (NoOffsetForPartitionException).
	reset, err := oneOf(s.Props, "auto.offset.reset", "latest", "earliest", "none")
	if err != nil {
		return nil, err
	}
	start := kgo.NewOffset().AtEnd()
	switch reset {
	case "earliest":
		start = kgo.NewOffset().AtStart()
	case "none":
		start = kgo.NoResetOffset()
	}
	opts = append(opts, kgo.ConsumeResetOffset(start))
	if s.Topic != "" {
		// One request was sent already when Java's client starts to count these lines.
		attempts := 1
		r.prepare = func(ctx context.Context) error {
			return awaitTopic(c, ctx, r.Cl, r.prefix, s.Topic, &attempts, 100*time.Millisecond)
		}
	}
	if s.Partition >= 0 {
		at := kgo.NewOffset().At(s.Offset)
		switch s.Offset {
		case -1:
			at = kgo.NewOffset().AtEnd()
		case -2:
			at = kgo.NewOffset().AtStart()
		}
		opts = append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.Topic: {s.Partition: at}}), kgo.RetryTimeoutFn(retryTimeout(0)))
	} else {
		group, err := r.groupOptions(s, cc)
		if err != nil {
			return nil, err
		}
		opts = append(opts, group...)
	}
	if r.Cl, err = New(c, cc, opts...); err != nil {
		return nil, notConstructed(err)
	}
	warnUnknown(c, "Consumer", consumerDefinitions(), s.Props)
	return r, nil
}

// notConstructed is what Java's constructor makes of errors that are none of single settings.
func notConstructed(cause error) error {
	return &java.Error{Class: "org.apache.kafka.common.KafkaException", Text: "Failed to construct kafka consumer", Cause: cause}
}

// lookupPatience is how long a broker is asked for offsets before the client looks again who leads.
// The library would try a broker that is gone for 30 s, while Java's client takes the next
// metadata.
const lookupPatience = 500 * time.Millisecond

// retryTimeout says how long requests of a member are repeated; those of the group as long as its
// session lasts.
func retryTimeout(session time.Duration) func(key int16) time.Duration {
	return func(key int16) time.Duration {
		switch kmsg.Key(key) {
		case kmsg.ListOffsets, kmsg.OffsetForLeaderEpoch:
			return lookupPatience
		case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat:
			// A member that gets no answer for so long has been thrown out; a new join is the only
			// way on.
			return session
		}
		return 30 * time.Second
	}
}

// oneOf reads a setting with a few valid values, the first of which is the default; the error is a
// ConfigException.
func oneOf(props map[string]string, key string, valid ...string) (string, error) {
	v, ok := props[key]
	if !ok {
		return valid[0], nil
	}
	list := ""
	for i, x := range valid {
		if v == x {
			return v, nil
		}
		if i > 0 {
			list += ", "
		}
		list += x
	}
	return "", &java.Error{Class: "org.apache.kafka.common.config.ConfigException",
		Text: fmt.Sprintf("Invalid value %s for configuration %s: String must be one of: %s", v, key, list)}
}

// Limits of the client library, beyond which it refuses what Java takes.
const (
	mostAnswer = 1 << 30 // bytes
	leastWait  = 10 * time.Millisecond
)

// fetchOptions translates the settings of fetching: only those that were given are set, but for the
// wait of 500 ms, which is Java's default and not franz-go's.
func (r *Consumer) fetchOptions(cc *Config) ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.FetchMaxWait(500 * time.Millisecond)}
	isolation, err := oneOf(cc.Props, "isolation.level", "read_committed", "read_uncommitted")
	if err != nil {
		return nil, err
	}
	if isolation == "read_committed" && cc.Props["isolation.level"] != "" {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	for key, set := range map[string]func(n int){
		"fetch.max.bytes": func(n int) {
			// The library refuses answers that are larger than it expects, where a broker may send
			// one batch beyond the limit; and it expects no more than 1 GiB.
			n = min(n, mostAnswer/2)
			opts = append(opts, kgo.FetchMaxBytes(int32(n)), kgo.BrokerMaxReadBytes(int32(max(2*n, 100<<20))))
		},
		"max.partition.fetch.bytes": func(n int) { opts = append(opts, kgo.FetchMaxPartitionBytes(int32(n))) },
		"fetch.min.bytes":           func(n int) { opts = append(opts, kgo.FetchMinBytes(int32(n))) },
		"fetch.max.wait.ms": func(n int) { // the library waits no shorter
			opts = append(opts, kgo.FetchMaxWait(max(time.Duration(n)*time.Millisecond, leastWait)))
		},
		"client.rack": nil,
	} {
		v, ok := cc.Props[key]
		if !ok {
			continue
		}
		if set == nil {
			opts = append(opts, kgo.Rack(v))
			continue
		}
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return nil, NotANumber(v, key, "INT")
		}
		set(int(n))
	}
	return opts, nil
}

// groupOptions translates the settings of a member. Offsets are committed by the tools themselves,
// so that what was printed and what is committed are the same records, and a rebalance waits until
// the records polled before it were dealt with.
func (r *Consumer) groupOptions(s *ConsumeSpec, cc *Config) ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.ConsumerGroup(s.Group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.AdjustFetchOffsetsFn(r.adjust),
		kgo.OnPartitionsRevoked(r.revoked), kgo.OnPartitionsLost(r.lost),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			if r.OnAssigned != nil {
				r.OnAssigned(parts)
			}
		})}
	// One assignor, as ConfigDef's list would have it here: Java runs classes, and these four are
	// what brokers' groups know.
	switch s.Props["partition.assignment.strategy"] {
	case "org.apache.kafka.clients.consumer.RoundRobinAssignor":
		opts = append(opts, kgo.Balancers(kgo.RoundRobinBalancer()))
	case "org.apache.kafka.clients.consumer.StickyAssignor":
		opts = append(opts, kgo.Balancers(kgo.StickyBalancer()))
	case "org.apache.kafka.clients.consumer.CooperativeStickyAssignor":
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	case "", "org.apache.kafka.clients.consumer.RangeAssignor":
		opts = append(opts, kgo.Balancers(kgo.RangeBalancer()))
	default:
		return nil, notConstructed(ConfigError("Class %s cannot be found", s.Props["partition.assignment.strategy"]))
	}
	for _, d := range []struct {
		key      string
		fallback time.Duration
		set      func(time.Duration) kgo.Opt
	}{
		{"session.timeout.ms", 10 * time.Second, func(d time.Duration) kgo.Opt { return kgo.SessionTimeout(d) }},
		{"heartbeat.interval.ms", 3 * time.Second, func(d time.Duration) kgo.Opt { return kgo.HeartbeatInterval(d) }},
		{"max.poll.interval.ms", 5 * time.Minute, func(d time.Duration) kgo.Opt { return kgo.RebalanceTimeout(d) }},
	} {
		v, err := cc.duration(d.key, d.fallback)
		if err != nil {
			return nil, err
		}
		if v < 0 {
			return nil, notConstructed(ConfigError("%s is %d", d.key, v.Milliseconds()))
		}
		opts = append(opts, d.set(v))
		if d.key == "session.timeout.ms" {
			opts = append(opts, kgo.RetryTimeoutFn(retryTimeout(v)))
		}
	}
	if id := s.Props["group.instance.id"]; id != "" {
		opts = append(opts, kgo.InstanceID(id))
	}
	r.commits = s.Named && s.Props["enable.auto.commit"] != "false"
	var err error
	if r.interval, err = cc.duration("auto.commit.interval.ms", r.interval); err != nil {
		return nil, err
	}
	if s.Pattern != "" {
		// A Java pattern matches the whole name.
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics("^(?:"+s.Pattern+")$"))
		if s.Props["exclude.internal.topics"] != "false" {
			opts = append(opts, kgo.ConsumeExcludeTopics("^__consumer_offsets$", "^__transaction_state$"))
		}
		return opts, nil
	}
	return append(opts, kgo.ConsumeTopics(s.Topic)), nil
}

// adjust learns the offsets at which a group begins. Those that come from the reset policy are
// looked up here, so that they are committed like any other although nothing was read. Where the
// last session was lost with a connection, reading goes on at the offset it had come to: what was
// read would be read twice.
func (r *Consumer) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	// At the end: what was lost wins over what the group has committed.
	defer r.resume(ctx, offsets)
	a := &Admin{Client: r.Cl, C: r.C, ApiTimeout: 30 * time.Second}
	unknown := map[int64][]model.TopicPartition{}
	for topic, ps := range offsets {
		for p, o := range ps {
			tp := model.TopicPartition{Topic: topic, Partition: p}
			if at := o.EpochOffset(); at.Offset >= 0 {
				r.SetPosition(tp, Position{at.Offset, at.Epoch})
			} else {
				unknown[at.Offset] = append(unknown[at.Offset], tp)
			}
		}
	}
	for at, tps := range unknown {
		// Only the two ends are looked up; at -3 and below are the library's own marks.
		if at != -1 && at != -2 {
			continue
		}
		found, err := a.ListOffsets(ctx, tps, at, false)
		// No error: a partition whose leader is away would otherwise keep the member out of its
		// group.
		if err != nil {
			return offsets, nil // the client looks them up itself then
		}
		for tp, f := range found {
			if f.Err == nil && f.Offset >= 0 {
				offsets[tp.Topic][tp.Partition] = kgo.NewOffset().At(f.Offset)
				r.SetPosition(tp, Position{f.Offset, -1})
			}
		}
	}
	return offsets, nil
}

// resume puts partitions to where they stood before a session was lost, unless the group has gone
// further since or the partition does not reach so far: then it is another one of the same name.
func (r *Consumer) resume(ctx context.Context, offsets map[string]map[int32]kgo.Offset) {
	var tps []model.TopicPartition
	r.mu.Lock()
	lost := r.mu.former
	r.mu.former = map[model.TopicPartition]former{}
	for tp, p := range lost {
		// An offset of the group beyond the own one means that others have read there since.
		if at, given := offsets[tp.Topic][tp.Partition]; given && time.Since(p.at) < formerTime && at.EpochOffset().Offset < p.Offset {
			tps = append(tps, tp)
		}
	}
	r.mu.Unlock()
	if len(tps) == 0 {
		return
	}
	ends, err := (&Admin{Client: r.Cl, C: r.C, ApiTimeout: 30 * time.Second}).ListOffsets(ctx, tps, -1, false)
	if err != nil {
		return
	}
	for _, tp := range tps {
		// A shorter log is that of a topic which was made anew.
		if end := ends[tp]; end.Err == nil && end.Offset >= lost[tp].Offset {
			offsets[tp.Topic][tp.Partition] = kgo.NewOffset().At(lost[tp].Offset)
			r.SetPosition(tp, lost[tp].Position)
		}
	}
}

// SetPosition notes up to where a partition was read.
func (r *Consumer) SetPosition(tp model.TopicPartition, p Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.positions[tp] = p
}

// revoked commits what was read before the group gives the partitions to others.
func (r *Consumer) revoked(ctx context.Context, cl *kgo.Client, parts map[string][]int32) {
	r.commit(ctx, cl, parts)
	r.forget(parts, false)
	if r.OnRevoked != nil && len(parts) > 0 {
		r.OnRevoked(parts)
	}
}

// lost is told of partitions that went with the session.
func (r *Consumer) lost(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
	r.forget(parts, true)
}

// forget drops the positions of partitions; those that were lost may be taken up again.
func (r *Consumer) forget(parts map[string][]int32, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, ps := range parts {
		for _, p := range ps {
			tp := model.TopicPartition{Topic: topic, Partition: p}
			if at, known := r.mu.positions[tp]; known && lost {
				r.mu.former[tp] = former{at, time.Now()}
			}
			delete(r.mu.positions, tp)
		}
	}
}

// commit commits the positions of the given partitions, nil for all.
func (r *Consumer) commit(ctx context.Context, cl *kgo.Client, parts map[string][]int32) {
	if !r.commits || r.MayCommit != nil && !r.MayCommit() {
		return
	}
	offsets := map[string]map[int32]kgo.EpochOffset{}
	r.mu.Lock()
	// The interval runs from the attempt, whatever comes of it, as in Java's ConsumerCoordinator.
	r.mu.committed = time.Now()
	add := func(tp model.TopicPartition) {
		if p, ok := r.mu.positions[tp]; ok {
			if offsets[tp.Topic] == nil {
				offsets[tp.Topic] = map[int32]kgo.EpochOffset{}
			}
			offsets[tp.Topic][tp.Partition] = kgo.EpochOffset{Offset: p.Offset, Epoch: p.Epoch}
		}
	}
	if parts == nil {
		for tp := range r.mu.positions {
			add(tp)
		}
	}
	for topic, ps := range parts {
		for _, p := range ps {
			add(model.TopicPartition{Topic: topic, Partition: p})
		}
	}
	r.mu.Unlock()
	if len(offsets) > 0 {
		r.CommitOffsets(ctx, cl, offsets)
	}
}

// CommitOffsets commits and logs what the coordinator refuses; it tells whether all went well.
func (r *Consumer) CommitOffsets(ctx context.Context, cl *kgo.Client, offsets map[string]map[int32]kgo.EpochOffset) (ok bool) {
	ok = true
	// franz-go puts its member id there; Java's metadata is empty, and tools print it.
	plain := kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error { // without the client's own metadata
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				req.Topics[i].Partitions[j].Metadata = kmsg.StringPtr("")
			}
		}
		return nil
	})
	cl.CommitOffsetsSync(plain, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if err != nil || ctx.Err() != nil {
			ok = false
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if e := java.OfCode(p.ErrorCode, nil); e != nil {
					ok = false
					level := "ERROR"
					if wire.IsRetriable(wire.ErrorForCode(p.ErrorCode)) {
						level = "WARN"
					}
					r.C.Log(level, "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator", "%s Offset commit failed on partition %s-%d at offset %d: %s",
						r.prefix, t.Topic, p.Partition, offsets[t.Topic][p.Partition].Offset, e.Text)
				}
			}
		}
	})
	return ok
}

// Buffered counts the records that were polled and not taken.
func (r *Consumer) Buffered() int { return len(r.Records) }

// Take gives the next record. Without one for the time-out (0: no limit) the error is Java's
// TimeoutException without a text.
func (r *Consumer) Take(ctx context.Context, timeout time.Duration) (*kgo.Record, error) {
	if len(r.Records) == 0 {
		if err := r.Poll(ctx, timeout); err != nil {
			return nil, err
		}
	}
	rec := r.Records[0]
	r.Records = r.Records[1:]
	tp := model.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}
	r.SetPosition(tp, Position{rec.Offset + 1, rec.LeaderEpoch})
	return rec, nil
}

// JavaTimeout is a time-out in ms for Poll and Take: to Java 0 is no time, to them it is no limit,
// which what is longer than 292 years is, too.
func JavaTimeout(ms int64) time.Duration {
	switch {
	case ms <= 0:
		return -1
	case ms > math.MaxInt64/int64(time.Millisecond):
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// Poll fills Records, at most 500, and waits for the first of them: timeout at most, 0 without a
// limit, and below 0 not at all. It returns only errors that Java's consumer throws; through
// anything else it goes on. Rebalances happen while it runs, never between two calls.
func (r *Consumer) Poll(ctx context.Context, timeout time.Duration) error {
	if timeout < 0 {
		return ErrNoMessage
	}
	limit := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		limit, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	expired := func(err error) error {
		if limit.Err() != nil && ctx.Err() == nil {
			return ErrNoMessage
		}
		return err
	}
	if r.prepare != nil {
		if err := r.prepare(limit); err != nil {
			return expired(err)
		}
		r.prepare = nil
	}
	// Blocking since the last poll: its records are dealt with now.
	if r.polled {
		r.Cl.AllowRebalance()
	}
	for {
		round, cancel := limit, context.CancelFunc(func() {})
		if r.commits {
			r.mu.Lock()
			due := r.mu.committed.Add(r.interval)
			// Nothing is due before a first interval is over.
			if r.mu.committed.IsZero() {
				r.mu.committed = time.Now()
				due = r.mu.committed.Add(r.interval)
			}
			r.mu.Unlock()
			if !time.Now().Before(due) {
				r.commit(limit, r.Cl, nil)
				due = time.Now().Add(r.interval)
			}
			// PollRecords returns at the deadline with nothing, and the loop commits.
			round, cancel = context.WithDeadline(limit, due)
		}
		fetches := r.Cl.PollRecords(round, 500)
		cancel()
		r.polled = true
		if r.Records = fetches.Records(); len(r.Records) > 0 {
			return nil
		}
		r.Cl.AllowRebalance()
		if limit.Err() != nil {
			return expired(limit.Err())
		}
		for _, e := range fetches.Errors() {
			if endsConsumer(e.Err) {
				return expired(JavaError(e.Err))
			}
		}
	}
}

// endsConsumer reports whether Java's consumer throws an error out of its poll. After any other it
// goes on: brokers come back, groups find together again, and where records were lost
// auto.offset.reset says what follows.
func endsConsumer(err error) bool {
	if authError(err) != nil || errors.Is(err, kgo.ErrClientClosed) {
		return true
	}
	for _, e := range []error{wire.TopicAuthorizationFailed, wire.GroupAuthorizationFailed, wire.ClusterAuthorizationFailed, wire.InvalidTopicException,
		wire.InvalidGroupID, wire.InvalidSessionTimeout, wire.InconsistentGroupProtocol, wire.GroupMaxSizeReached, wire.FencedInstanceID,
		wire.UnsupportedVersion, wire.CorruptMessage} {
		if errors.Is(err, e) {
			return true
		}
	}
	var lost *kgo.ErrDataLoss
	return errors.Is(err, wire.OffsetOutOfRange) && !errors.As(err, &lost) // of a consumer without a reset policy
}

// Close gives back what was not taken, commits and leaves the group.
func (r *Consumer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, rec := range r.Records { // what is given back is committed without an epoch, as after a seek
		tp := model.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}
		r.mu.Lock()
		if p, ok := r.mu.positions[tp]; ok {
			p.Epoch = -1
			r.mu.positions[tp] = p
		}
		r.mu.Unlock()
	}
	// Before the group is left: a commit of a former member is refused.
	r.commit(ctx, r.Cl, nil)
	r.commits = false
	r.Cl.AllowRebalance()
	r.Cl.CloseAllowingRebalance()
}
