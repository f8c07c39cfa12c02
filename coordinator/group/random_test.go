package group

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"momus/coordinator/shard"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// modelOf is what a client may rely on: the offsets that were acknowledged, the assignments that
// were handed out, the generations seen.
type modelOf struct {
	w           *world
	rt          *rapid.T
	acked       map[string]map[model.TopicPartition]ackedOffset
	generations map[*Group]int32
	calls       map[*shard.Call]any
	waiting     []shard.Append // appended, not acknowledged
	bases       map[uint64]int64
	known       map[string][]string // member ids by group
	assigned    map[string]string   // group, generation, partition → member
	lastBase    int64
}

type ackedOffset struct{ offset, base int64 }

func (m *modelOf) step(ev any, call *shard.Call) {
	if call != nil {
		m.calls[call] = ev
	}
	m.effects(m.w.p.Step(m.w.Now, ev, call))
	m.w.Check()
	m.invariants()
}

func (m *modelOf) effects(effects []shard.Effect) {
	for _, e := range slices.Clone(effects) {
		switch e := e.(type) {
		case shard.Append:
			b := record.Batch(slices.Clone(e.Batch))
			b.SetBaseOffset(m.w.Next)
			m.bases[e.Tag] = m.w.Next
			m.w.Batches = append(m.w.Batches, b)
			m.w.Next = b.NextOffset()
			if e.Tag != 0 {
				m.waiting = append(m.waiting, e)
			}
		case shard.Reply:
			ev, ok := m.calls[e.Call]
			if !ok {
				m.rt.Fatalf("a call was answered twice, or was none: %v", e)
			}
			delete(m.calls, e.Call)
			m.replied(ev, e.Value)
		}
	}
}

func (m *modelOf) replied(ev, value any) {
	switch r := ev.(type) {
	case *CommitRequest:
		for i, err := range value.(CommitResult).Errs {
			o := r.Offsets[i]
			if err == nil && (m.acked[r.Group][o.TP].base <= m.lastBase) {
				if m.acked[r.Group] == nil {
					m.acked[r.Group] = map[model.TopicPartition]ackedOffset{}
				}
				m.acked[r.Group][o.TP] = ackedOffset{o.Offset, m.lastBase}
			}
		}
	case *JoinRequest:
		v := value.(JoinResult)
		if v.MemberID != "" && (v.Err == nil || v.Err == kerr.MemberIDRequired) {
			m.known[r.Group] = append(m.known[r.Group], v.MemberID)
		}
	case *SyncRequest:
		v := value.(SyncResult)
		if v.Err != nil || len(v.Assignment) == 0 {
			return
		}
		// The leader assigned each member the partition named like it: nobody else may get it in
		// that generation.
		key := fmt.Sprintf("%s/%d/%s", r.Group, r.Generation, v.Assignment)
		owner := r.MemberID
		if strings.HasPrefix(owner, "i") {
			owner = owner[:2] // a static member keeps its assignment under a new member id
		}
		if other, ok := m.assigned[key]; ok && other != owner {
			m.rt.Fatalf("%s is assigned to %s and %s", key, other, owner)
		}
		m.assigned[key] = owner
	}
}

func (m *modelOf) invariants() {
	for _, g := range m.w.p.groups {
		if last, ok := m.generations[g]; ok && g.generation < last {
			m.rt.Fatalf("group %s: generation fell from %d to %d", g.id, last, g.generation)
		}
		m.generations[g] = g.generation
	}
	for group, offsets := range m.acked {
		for tp, want := range offsets {
			g := m.w.p.groups[group]
			if g == nil {
				m.rt.Fatalf("group %s with acknowledged offsets is gone", group)
			}
			if got, ok := g.offsets[tp]; !ok || got.batchOffset < want.base || got.batchOffset == want.base && got.offset != want.offset {
				m.rt.Fatalf("group %s: acknowledged %d (at %d) for %s, have %+v", group, want.offset, want.base, tp, got)
			}
		}
	}
}

// acknowledge ends the oldest or another append.
func (m *modelOf) acknowledge(i int, err error) {
	e := m.waiting[i]
	m.waiting = slices.Delete(m.waiting, i, i+1)
	m.lastBase = m.bases[e.Tag]
	r := shard.Result{BaseOffset: m.bases[e.Tag], Err: err}
	if err != nil {
		r.BaseOffset = -1
	}
	m.step(shard.Appended{Tag: e.Tag, Result: r}, nil)
}

// replay compares the state with what a new coordinator would load.
func (m *modelOf) replay() {
	live := m.w.p
	fresh := NewPartition(live.settings, live.logger)
	for _, b := range m.w.Batches {
		if err := fresh.Replay(b); err != nil {
			m.rt.Fatalf("replay: %v", err)
		}
	}
	fresh.Loaded(m.w.Now)
	for id, g := range live.groups {
		if len(g.offsets) > 0 || g.generation > 0 && (g.state == Stable || g.state == Empty) {
			if fresh.groups[id] == nil {
				m.rt.Fatalf("group %s is lost by a replay", id)
			}
		}
		for tp, c := range g.offsets {
			if got := fresh.groups[id].offsets[tp]; got != c {
				m.rt.Fatalf("group %s: offset of %s is %+v, after a replay %+v", id, tp, c, got)
			}
		}
		if g.state != Stable && (g.state != Empty || g.generation == 0) {
			continue
		}
		got := fresh.groups[id]
		if got.state != g.state || got.generation != g.generation || got.leader != g.leader || got.protocolType != g.protocolType ||
			!maps.EqualFunc(got.members, g.members, func(a, b *Member) bool {
				return string(a.assignment) == string(b.assignment) && a.sessionTimeoutMs == b.sessionTimeoutMs
			}) {
			// A static member's new id is not written until the next generation (as Kafka 2.5).
			if !slices.ContainsFunc(g.order, func(m *Member) bool { return m.instanceID != nil }) {
				m.rt.Fatalf("group %s: %s\nafter a replay %s", id, showGroup(g), showGroup(got))
			}
		}
	}
}

// TestRandomEvents runs random requests, answers of the log and times against the invariants: every
// call is answered once, generations only rise, nothing acknowledged is lost, no two members of a
// generation own the same, and the log has the state.
func TestRandomEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.cfg.InitialRebalanceDelayMs = rapid.SampledFrom([]int32{0, 1000}).Draw(rt, "delay")
		w.cfg.MaxSize = rapid.SampledFrom([]int32{2, 100}).Draw(rt, "size")
		w.reload()
		w.p.settle = rapid.SampledFrom([]time.Duration{0, settleTime}).Draw(rt, "settle")
		m := &modelOf{
			w: w, rt: rt, acked: map[string]map[model.TopicPartition]ackedOffset{}, generations: map[*Group]int32{},
			calls: map[*shard.Call]any{}, bases: map[uint64]int64{}, known: map[string][]string{}, assigned: map[string]string{},
		}
		group := func() string { return rapid.SampledFrom([]string{"g", "h"}).Draw(rt, "group") }
		member := func(g string) string {
			if len(m.known[g]) == 0 {
				return ""
			}
			return rapid.SampledFrom(append([]string{""}, m.known[g]...)).Draw(rt, "member")
		}
		instance := func(id string) *string {
			for _, i := range []string{"ia", "ib"} {
				if len(id) > 2 && id[:3] == i+"-" && rapid.Bool().Draw(rt, "static") {
					return &i
				}
			}
			return nil
		}
		generation := func(g string) int32 {
			var current int32
			if gr := w.p.groups[g]; gr != nil {
				current = gr.generation
			}
			return rapid.SampledFrom([]int32{current, current, current, current - 1, -1}).Draw(rt, "generation")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"join": func(*rapid.T) {
				g := group()
				id := member(g)
				w.ids++
				r := &JoinRequest{
					Group: g, MemberID: id, ClientID: "c", SessionTimeoutMs: 10000, RebalanceTimeoutMs: 20000, ProtocolType: "consumer",
					newMemberID: "c-" + strconv.Itoa(w.ids), InstanceID: instance(id),
				}
				if id == "" && rapid.Bool().Draw(rt, "static") {
					i := rapid.SampledFrom([]string{"ia", "ib"}).Draw(rt, "instance")
					r.InstanceID, r.newMemberID = &i, i+"-"+strconv.Itoa(w.ids)
				}
				r.RequireKnownMember = r.InstanceID == nil && rapid.Bool().Draw(rt, "new client")
				topics := rapid.SampledFrom([]string{"t", "t+u"}).Draw(rt, "topics")
				r.Protocols = []Protocol{{Name: "range", Metadata: subscription(topics)}}
				m.step(r, shard.NewCall())
			},
			"sync": func(*rapid.T) {
				g := group()
				id := member(g)
				r := &SyncRequest{Group: g, MemberID: id, InstanceID: instance(id), Generation: generation(g)}
				if gr := w.p.groups[g]; gr != nil && gr.leader == id {
					for _, m := range gr.order {
						r.Assignments = append(r.Assignments, MemberAssignment{MemberID: m.id, Assignment: []byte(m.id)})
					}
				}
				m.step(r, shard.NewCall())
			},
			"heartbeat": func(*rapid.T) {
				g := group()
				m.step(&HeartbeatRequest{Group: g, MemberID: member(g), Generation: generation(g)}, shard.NewCall())
			},
			"leave": func(*rapid.T) {
				g := group()
				id := member(g)
				m.step(&LeaveRequest{Group: g, Members: []LeavingMember{{MemberID: id, InstanceID: instance(id)}}}, shard.NewCall())
			},
			"commit": func(*rapid.T) {
				g := group()
				r := &CommitRequest{Group: g, MemberID: member(g), Generation: generation(g), ProducerID: -1}
				for _, p := range rapid.SliceOfNDistinct(rapid.Int32Range(0, 3), 1, 3, rapid.ID[int32]).Draw(rt, "partitions") {
					r.Offsets = append(r.Offsets, Offset{
						TP: model.TopicPartition{Topic: "t", Partition: p}, Offset: rapid.Int64Range(0, 1000).Draw(rt, "offset"),
						LeaderEpoch: -1, CommitTimestamp: -1, ExpireTimestamp: -1,
					})
				}
				m.step(r, shard.NewCall())
			},
			"acknowledge": func(*rapid.T) {
				if len(m.waiting) > 0 {
					m.acknowledge(rapid.IntRange(0, len(m.waiting)-1).Draw(rt, "which"), nil)
				}
			},
			"time": func(*rapid.T) {
				w.Now = w.Now.Add(time.Duration(rapid.IntRange(1, 8000).Draw(rt, "ms")) * time.Millisecond)
				for {
					at, ok := w.p.NextDeadline()
					if !ok || at.After(w.Now) {
						break
					}
					m.step(shard.Tick{}, nil)
				}
			},
			"replay": func(*rapid.T) {
				for len(m.waiting) > 0 {
					m.acknowledge(0, nil)
				}
				m.replay()
			},
			"unload": func(*rapid.T) {
				for len(m.waiting) > 0 {
					m.acknowledge(0, nil)
				}
				m.effects(w.p.Unload(w.Now))
				if len(m.calls) > 0 {
					rt.Fatalf("%d calls were left without an answer", len(m.calls))
				}
				w.reload()
				clear(m.generations)
			},
		})
	})
}

// FuzzRecords holds that no bytes make the decoders fail otherwise than by an error, and that what
// they read is written the same.
func FuzzRecords(f *testing.F) {
	f.Add(appendOffsetKey(nil, "g", model.TopicPartition{Topic: "t", Partition: 1}), appendOffsetValue(nil, &committed{offset: 5, metadata: "m", expireTime: -1}, 3))
	f.Add(appendGroupKey(nil, "g"), []byte{0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 1}, []byte{0, 0})
	f.Fuzz(func(t *testing.T, k, v []byte) {
		if d, err := decodeKey(k); err == nil {
			again := appendGroupKey(nil, d.group)
			if d.isOffset {
				again = appendOffsetKey(nil, d.group, d.tp)
			}
			if e, err := decodeKey(again); err != nil || e != d {
				t.Fatalf("key %+v becomes %+v, %v", d, e, err)
			}
		}
		if c, err := decodeOffsetValue(v); err == nil {
			if e, err := decodeOffsetValue(appendOffsetValue(nil, &c, 3)); err != nil || c.expireTime == noTimestamp && e != c {
				t.Fatalf("offset %+v becomes %+v, %v", c, e, err)
			}
		}
		g := newGroup("g", 0)
		if decodeGroupValue(g, v) == nil {
			assignments := map[string][]byte{}
			for _, m := range g.order {
				assignments[m.id] = m.assignment
			}
			h := newGroup("g", 0)
			if err := decodeGroupValue(h, appendGroupValue(nil, g, assignments, 3)); err != nil {
				t.Fatalf("group %+v is not read back: %v", g, err)
			}
		}
		parseSubscription(v)
	})
}
