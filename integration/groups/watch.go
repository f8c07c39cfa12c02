package groups

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// partition is a partition of a topic.
type partition struct {
	topic string
	id    int32
}

// member is what the watch knows of a group member: what it was assigned and has not given up.
type member struct {
	id         string
	instance   string
	generation int32
	owned      map[partition]bool
}

// committed is a commit that a broker has acknowledged.
type committed struct {
	offset     int64
	generation int32
}

// interval is one time that a member owned a partition.
type interval struct {
	member     string
	generation int32
	partition  partition
	from, to   time.Time // to is zero while it does
}

// watch follows one group by the requests and answers that pass the proxies before its brokers, and
// notes what must not be:
//   - a partition that two members have in one generation, or at one time while both are members;
//   - a commit of an old generation that is accepted;
//   - a committed offset that is lower than one acknowledged before it was asked for.
//
// A member gives up its partitions when it asks to join again, but for those that a cooperative one
// still names as its own, when it leaves, or when it is no longer in the list of members that the
// leader gets.
type watch struct {
	group string

	mu         sync.Mutex
	generation int32 // the latest that a member was told of
	settled    int32 // the latest with an assignment: from then on it is in the log
	members    map[string]*member
	assigned   map[int32]map[partition]string // generation → partition → member
	acked      map[partition]committed
	commits    int
	joins      map[string]int // requests to join, by client id
	history    []interval
	violations []string
	asked      map[*testkit.Request]*question
	holds      []*hold
}

// question is what was known when a request passed.
type question struct {
	req     kmsg.Request
	settled int32
	acked   map[partition]committed
}

// hold keeps requests back until it is released.
type hold struct {
	which    func(clientID string, req kmsg.Request) bool
	released chan struct{}
	held     int
}

// newWatch watches a group that nobody has joined yet: -1 is before any generation.
func newWatch(group string) *watch {
	return &watch{group: group, generation: -1, settled: -1, members: map[string]*member{}, assigned: map[int32]map[partition]string{}, acked: map[partition]committed{},
		joins: map[string]int{}, asked: map[*testkit.Request]*question{}}
}

// hooks are those of one broker's proxy.
func (w *watch) hooks(int) testkit.Hooks {
	return testkit.Hooks{Request: w.request, Answer: w.answer}
}

// hold keeps the requests that which picks back until release is called; which is told of each
// request of the group.
func (w *watch) hold(which func(clientID string, req kmsg.Request) bool) (held func() int, release func()) {
	h := &hold{which: which, released: make(chan struct{})}
	w.mu.Lock()
	w.holds = append(w.holds, h)
	w.mu.Unlock()
	return func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return h.held
		}, sync.OnceFunc(func() {
			w.mu.Lock()
			w.holds = slices.DeleteFunc(w.holds, func(o *hold) bool { return o == h })
			w.mu.Unlock()
			close(h.released)
		})
}

// of is the group that a request is about.
func of(req kmsg.Request) string {
	switch r := req.(type) {
	case *kmsg.JoinGroupRequest:
		return r.Group
	case *kmsg.SyncGroupRequest:
		return r.Group
	case *kmsg.LeaveGroupRequest:
		return r.Group
	case *kmsg.OffsetCommitRequest:
		return r.Group
	case *kmsg.OffsetFetchRequest:
		return r.Group
	}
	return ""
}

// request looks at what members ask before the broker sees it, and holds back what a test wants
// held.
func (w *watch) request(r *testkit.Request) testkit.Verdict {
	switch kmsg.Key(r.Key) {
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.LeaveGroup, kmsg.OffsetCommit, kmsg.OffsetFetch:
	default:
		return testkit.Forward
	}
	req, err := r.Decode()
	w.mu.Lock()
	if err != nil {
		w.wrong("a request of %s cannot be read: %v", r.ClientID, err)
	}
	if err != nil || of(req) != w.group {
		w.mu.Unlock()
		return testkit.Forward
	}
	var wait chan struct{}
	for _, h := range w.holds {
		if h.which(r.ClientID, req) {
			h.held++
			wait = h.released
		}
	}
	w.mu.Unlock()
	if wait != nil {
		<-wait
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	q := &question{req: req, settled: w.settled}
	w.asked[r] = q
	switch req := req.(type) {
	case *kmsg.JoinGroupRequest:
		w.joins[r.ClientID]++
		if m := w.members[req.MemberID]; m != nil {
			w.giveUp(m, stillOwned(req))
		}
	case *kmsg.LeaveGroupRequest:
		w.left(req.MemberID, "")
		for _, m := range req.Members {
			instance := ""
			if m.InstanceID != nil {
				instance = *m.InstanceID
			}
			w.left(m.MemberID, instance)
		}
	case *kmsg.OffsetFetchRequest:
		q.acked = map[partition]committed{}
		for tp, c := range w.acked {
			q.acked[tp] = c
		}
	}
	return testkit.Forward
}

// stillOwned is what a cooperative member keeps while it joins.
func stillOwned(req *kmsg.JoinGroupRequest) map[partition]bool {
	kept := map[partition]bool{}
	for _, p := range req.Protocols {
		var m kmsg.ConsumerMemberMetadata
		if !strings.HasPrefix(p.Name, "cooperative") || m.ReadFrom(p.Metadata) != nil {
			continue
		}
		for _, t := range m.OwnedPartitions {
			for _, id := range t.Partitions {
				kept[partition{t.Topic, id}] = true
			}
		}
	}
	return kept
}

// giveUp ends the ownership of all partitions of a member but these.
func (w *watch) giveUp(m *member, but map[partition]bool) {
	for tp := range m.owned {
		if !but[tp] {
			delete(m.owned, tp)
			w.end(m.id, tp)
		}
	}
}

// left forgets a member that left, by its id or its instance id.
func (w *watch) left(id, instance string) {
	for _, m := range w.members {
		if id != "" && m.id == id || instance != "" && m.instance == instance {
			w.giveUp(m, nil)
			delete(w.members, m.id)
		}
	}
}

// end closes the open interval of a member and partition.
func (w *watch) end(member string, tp partition) {
	for i := len(w.history) - 1; i >= 0; i-- {
		if h := &w.history[i]; h.member == member && h.partition == tp && h.to.IsZero() {
			h.to = time.Now()
			return
		}
	}
}

// wrong keeps a violation with its time, by which it is found in the brokers' logs.
func (w *watch) wrong(format string, args ...any) {
	w.violations = append(w.violations, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// answer looks at what the broker says: only now is a member in a generation, a partition assigned,
// an offset committed.
func (w *watch) answer(r *testkit.Request, body []byte) testkit.Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.asked[r]
	if q == nil {
		return testkit.Forward
	}
	delete(w.asked, r)
	resp, err := r.DecodeAnswer(body)
	if err != nil {
		w.wrong("an answer to %s cannot be read: %v", r.ClientID, err)
		return testkit.Forward
	}
	switch resp := resp.(type) {
	case *kmsg.JoinGroupResponse:
		w.joined(q.req.(*kmsg.JoinGroupRequest), resp)
	case *kmsg.SyncGroupResponse:
		w.synced(q.req.(*kmsg.SyncGroupRequest), resp)
	case *kmsg.OffsetCommitResponse:
		w.committed(q.req.(*kmsg.OffsetCommitRequest), resp, q.settled)
	case *kmsg.OffsetFetchResponse:
		w.fetched(q.acked, resp)
	}
	return testkit.Forward
}

// joined takes a member into a generation; a static member that starts again takes the place of the
// one before.
func (w *watch) joined(req *kmsg.JoinGroupRequest, resp *kmsg.JoinGroupResponse) {
	if resp.ErrorCode != 0 {
		return
	}
	m := w.members[resp.MemberID]
	if m == nil {
		m = &member{id: resp.MemberID, owned: map[partition]bool{}}
		if req.InstanceID != nil {
			m.instance = *req.InstanceID
			for _, old := range w.members { // this is the same one, started again
				if old.instance == m.instance {
					w.giveUp(old, nil)
					delete(w.members, old.id)
				}
			}
		}
		w.members[m.id] = m
	}
	m.generation = resp.Generation
	w.generation = max(w.generation, resp.Generation)
	if resp.LeaderID != resp.MemberID || len(resp.Members) == 0 {
		return
	}
	for _, o := range w.members {
		if o.generation <= resp.Generation && !slices.ContainsFunc(resp.Members, func(l kmsg.JoinGroupResponseMember) bool { return l.MemberID == o.id }) {
			w.giveUp(o, nil) // it was removed
			delete(w.members, o.id)
		}
	}
}

// synced begins the ownership of what a member was assigned. Nobody else may own it in the same
// generation.
func (w *watch) synced(req *kmsg.SyncGroupRequest, resp *kmsg.SyncGroupResponse) {
	m := w.members[req.MemberID]
	if resp.ErrorCode != 0 || m == nil {
		return
	}
	var a kmsg.ConsumerMemberAssignment
	if len(resp.MemberAssignment) > 0 {
		if err := a.ReadFrom(resp.MemberAssignment); err != nil {
			w.wrong("the assignment of %s cannot be read: %v", m.id, err)
			return
		}
	}
	w.settled = max(w.settled, req.Generation)
	now := map[partition]bool{}
	in := w.assigned[req.Generation]
	if in == nil {
		in = map[partition]string{}
		w.assigned[req.Generation] = in
	}
	for _, t := range a.Topics {
		for _, id := range t.Partitions {
			tp := partition{t.Topic, id}
			now[tp] = true
			if other := in[tp]; other != "" && other != m.name() {
				w.wrong("generation %d: %s-%d belongs to %s and to %s", req.Generation, tp.topic, tp.id, other, m.name())
			}
			in[tp] = m.name()
			for _, o := range w.members {
				if o != m && o.owned[tp] {
					w.wrong("%s-%d given to %s in generation %d, while %s has it since generation %d", tp.topic, tp.id, m.name(), req.Generation, o.name(), o.generation)
				}
			}
		}
	}
	w.giveUp(m, now)
	for tp := range now {
		if !m.owned[tp] {
			m.owned[tp] = true
			w.history = append(w.history, interval{member: m.id, generation: req.Generation, partition: tp, from: time.Now()})
		}
	}
}

// name is the same for a static member after its restart.
func (m *member) name() string {
	if m.instance != "" {
		return m.instance
	}
	return m.id
}

// committed remembers offsets that were acknowledged; one of a generation that is over is a
// violation.
func (w *watch) committed(req *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, settled int32) {
	for i, t := range resp.Topics {
		for j, p := range t.Partitions {
			if p.ErrorCode != 0 {
				continue
			}
			w.commits++
			if req.Generation >= 0 && req.Generation < settled {
				w.wrong("a commit of %s for generation %d was accepted after generation %d had begun", req.MemberID, req.Generation, settled)
			}
			tp := partition{t.Topic, p.Partition}
			if c := w.acked[tp]; req.Generation >= c.generation {
				w.acked[tp] = committed{req.Topics[i].Partitions[j].Offset, req.Generation}
			}
		}
	}
}

// fetched compares: an offset below one that was acknowledged before it was asked for was lost.
func (w *watch) fetched(acked map[partition]committed, resp *kmsg.OffsetFetchResponse) {
	if resp.ErrorCode != 0 {
		return
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if c, ok := acked[partition{t.Topic, p.Partition}]; ok && p.ErrorCode == 0 && p.Offset < c.offset {
				w.wrong("%s-%d: committed offset %d, after %d was acknowledged in generation %d", t.Topic, p.Partition, p.Offset, c.offset, c.generation)
			}
		}
	}
}

// snapshot is what the watch has seen so far.
type snapshot struct {
	generation int32
	commits    int
	joins      map[string]int
	owners     map[partition]string // member names
	intervals  int
	violations []string
}

// snapshot copies what is known, for the test to look at.
func (w *watch) snapshot() snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := snapshot{generation: w.generation, commits: w.commits, joins: map[string]int{}, owners: map[partition]string{}, intervals: len(w.history),
		violations: slices.Clone(w.violations)}
	for c, n := range w.joins {
		s.joins[c] = n
	}
	for _, m := range w.members {
		for tp := range m.owned {
			s.owners[tp] = m.name()
		}
	}
	return s
}

// acknowledged is the last commit of each partition that was acknowledged.
func (w *watch) acknowledged() map[partition]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[partition]int64{}
	for tp, c := range w.acked {
		out[tp] = c.offset
	}
	return out
}
