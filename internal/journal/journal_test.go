package journal

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTheRingIsBoundedByClass(t *testing.T) {
	j := New(nil)
	j.SetBroker(3)
	first := j.Record(Entry{Kind: ControllerElected, ControllerEpoch: 7})
	for range 3 * capacities[transactionClass] {
		j.Record(Entry{Kind: TransactionDecided, Name: "t"})
	}
	all, lost := j.Since(0)
	if len(all) != 1+capacities[transactionClass] || !lost {
		t.Fatalf("%d entries, lost %v", len(all), lost)
	}
	if all[0].ID != first || all[0].Kind != ControllerElected || all[0].Broker != 3 {
		t.Errorf("a busy class pushed out %+v", all[0])
	}
	for i := 2; i < len(all); i++ {
		if all[i].ID != all[i-1].ID+1 {
			t.Fatalf("entry %d follows %d", all[i].ID, all[i-1].ID)
		}
	}
	last := j.Last()
	if some, lost := j.Since(last - 2); len(some) != 2 || lost || some[1].ID != last {
		t.Errorf("the last two: %d entries, lost %v", len(some), lost)
	}
	total := 0
	for _, c := range capacities {
		total += c
	}
	if total != 10_000 {
		t.Errorf("%d entries in all", total)
	}
}

func TestEntriesAreBounded(t *testing.T) {
	j := New(nil)
	long := strings.Repeat("한", 1000)
	j.Record(Entry{Kind: MemberJoined, Name: long, Who: long, Old: long, New: long, From: make([]int32, 1000), To: make([]int32, 1000)})
	all, _ := j.Since(0)
	e := all[0]
	for _, s := range []string{e.Name, e.Who, e.Old, e.New} {
		if len(s) > maxText || !utf8.ValidString(s) {
			t.Errorf("%d bytes, valid %v", len(s), utf8.ValidString(s))
		}
	}
	if len(e.From) != maxBrokers || len(e.To) != maxBrokers {
		t.Error(len(e.From), len(e.To))
	}
	if size := reflect.TypeFor[Entry]().Size(); size > 320 {
		t.Errorf("an entry takes %d bytes", size)
	}
}

// Readers go on after the last ID that they have read, and a broker that is started again has a new
// journal.
func TestIDsGrowOverStarts(t *testing.T) {
	start := time.UnixMicro(1_700_000_000_000_000)
	first, second := New(func() time.Time { return start }), New(func() time.Time { return start.Add(time.Second) })
	var read uint64
	for range 1000 {
		read = first.Record(Entry{Kind: TopicCreated})
	}
	second.Record(Entry{Kind: TopicCreated})
	entries, lost := second.Since(read)
	if len(entries) != 1 || lost {
		t.Errorf("%d entries, lost %v", len(entries), lost)
	}
	if entries, lost := first.Since(0); len(entries) != 1000 || lost {
		t.Errorf("%d entries from the beginning, lost %v", len(entries), lost)
	}
	if last := New(time.Now).Last(); last >= 1<<53 {
		t.Errorf("%d is more than a float has digits for", last)
	}
}

func TestANilJournalRecordsNothing(t *testing.T) {
	var j *Journal
	j.SetBroker(1)
	if j.Record(Entry{Kind: BrokerUp}) != 0 || j.Last() != 0 {
		t.Error("recorded")
	}
	if all, lost := j.Since(0); all != nil || lost {
		t.Error(all, lost)
	}
}

func TestReadersAreWoken(t *testing.T) {
	j := New(nil)
	const n = 2000
	var wg sync.WaitGroup
	wg.Go(func() {
		for range n {
			j.Record(Entry{Kind: SegmentRolled})
		}
	})
	first := j.Last()
	for seen := first; seen < first+n; {
		<-j.Changed(seen)
		if entries, _ := j.Since(seen); len(entries) > 0 {
			seen = entries[len(entries)-1].ID
		}
	}
	wg.Wait()
}

func TestEveryKindAndReasonSpeaksBothLanguages(t *testing.T) {
	e := Entry{Broker: 1, Name: "orders", Partition: 2, About: 3, ControllerEpoch: 4, LeaderEpoch: 5, From: []int32{1, 2}, To: []int32{2}, Who: "who",
		Old: "old", New: "new", Offset: 1234567, Count: 1204, Took: 6200 * time.Millisecond, Number: 99}
	names := map[string]bool{}
	for k := Kind(1); k < numKinds; k++ {
		if got, ok := ParseKind(k.String()); !ok || got != k || names[k.String()] {
			t.Errorf("the name %q of kind %d is not its own", k, k)
		}
		names[k.String()] = true
		for _, l := range []Lang{English, Korean} {
			for _, full := range []bool{true, false} {
				x := Entry{Kind: k}
				if full {
					x = e
					x.Kind, x.Reason = k, SessionEnded
				}
				if s := x.Sentence(l); s == "" || strings.ContainsAny(s, "{}[]") || full && strings.Contains(s, "  ") {
					t.Errorf("%s in %s: %q", k, l, s)
				}
			}
		}
	}
	for r := Reason(1); r < numReasons; r++ {
		if r.String() == "" || ParseReason(r.String()) != r || reasons[r].en == "" || reasons[r].ko == "" {
			t.Errorf("reason %d: %q", r, r)
		}
	}
}

func TestSentences(t *testing.T) {
	for want, e := range map[string]Entry{
		`config of topic orders: retention.ms (default) → "5"`:        {Kind: ConfigChanged, Name: "topic orders", Who: "retention.ms", Old: "(default)", New: `"5"`},
		"broker 1 cannot fetch from broker 2: the connection was cut": {Kind: LeaderUnreachable, Broker: 1, About: 2, New: "Fetch request: read response size: EOF"},
		"broker 2 cannot fetch from broker 3: the connection was cut": {Kind: LeaderUnreachable, Broker: 2, About: 3,
			New: "Fetch request: read response size: raw-read tcp 127.0.0.1:1->127.0.0.1:2: use of closed network connection"},
		"broker 2 started; its last stop was unclean, in 1.0 s": {Kind: BrokerStarted, Broker: 2, Old: "unclean", Took: time.Second},
		"broker 1 cannot fetch from broker 2: something else":   {Kind: LeaderUnreachable, Broker: 1, About: 2, New: "something else"},
		"leader of orders-0 2 → 3 (epoch 7), because the old leader is gone; in sync: 3,1, before: 2,3,1": {
			Kind: LeaderElected, Name: "orders", About: 3, Number: 2, LeaderEpoch: 7, Reason: LeaderGone, From: []int32{2, 3, 1}, To: []int32{3, 1}},
		"broker 2 fell out of sync in orders-0: 1,204 records behind, last caught up 10.2 s ago; in sync: 3,1": {
			Kind: ISRShrunk, Name: "orders", About: 2, Count: 1204, Took: 10200 * time.Millisecond, To: []int32{3, 1}},
		"ZooKeeper session 0x10000 of broker 2 expired, 6.2 s after its connection was lost": {
			Kind: SessionExpired, Broker: 2, Number: 0x10000, Took: 6200 * time.Millisecond},
		"consumer-1-x is out of group g: no heartbeat within session.timeout.ms": {Kind: MemberLeft, Name: "g", Who: "consumer-1-x", Reason: HeartbeatMissed},
		"a transaction of t began (producer id 12000)":                           {Kind: TransactionBegan, Name: "t", Number: 12000},
		"topic orders got 1 new partition":                                       {Kind: TopicCreated, Name: "orders", Count: 1},
		"topic orders got 1,200 new partitions":                                  {Kind: TopicCreated, Name: "orders", Count: 1200},
		"log directory /d of broker 0 failed: EIO":                               {Kind: DirectoryFailed, Name: "/d", New: "EIO"},
		"kind-250": {Kind: 250},
	} {
		if got := e.Sentence(English); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A particle goes with the last sound of the word before it.
func TestKoreanSentences(t *testing.T) {
	for want, e := range map[string]Entry{
		`orders 토픽 설정: retention.ms (기본값) → "5"`:   {Kind: ConfigChanged, Name: "topic orders", Who: "retention.ms", Old: "(default)", New: `"5"`},
		`1번 브로커 설정: ssl.key.password (숨김) → (기본값)`: {Kind: ConfigChanged, Name: "broker 1", Who: "ssl.key.password", Old: "(hidden)", New: "(default)"},
		`모든 브로커 설정: log.retention.ms "1" → "2"`:    {Kind: ConfigChanged, Name: "broker <default>", Who: "log.retention.ms", Old: `"1"`, New: `"2"`},
		"2번 브로커가 시작했다 (비정상 종료 뒤), 1.0초 걸림":         {Kind: BrokerStarted, Broker: 2, Old: "unclean", Took: time.Second},
		"2번 브로커가 시작했다 (정상 종료 뒤)":                   {Kind: BrokerStarted, Broker: 2, Old: "clean"},
		"1번 브로커가 2번 브로커에서 가져올 수 없다: 연결이 끊겼다":       {Kind: LeaderUnreachable, Broker: 1, About: 2, New: "Fetch request: read response size: EOF"},
		"orders-0의 리더 2 → 3 (에포크 7), 이유: 이전 리더가 사라졌다; ISR: 3,1": {
			Kind: LeaderElected, Name: "orders", About: 3, Number: 2, LeaderEpoch: 7, Reason: LeaderGone, To: []int32{3, 1}},
		"1번 브로커가 orders-0을 오프셋 3부터 이끈다 (에포크 7); ISR: 1":           {Kind: BecameLeader, Broker: 1, Name: "orders", Offset: 3, LeaderEpoch: 7, To: []int32{1}},
		"1번 브로커가 orders-2를 오프셋 3부터 이끈다 (에포크 7); ISR: 1":           {Kind: BecameLeader, Broker: 1, Name: "orders", Partition: 2, Offset: 3, LeaderEpoch: 7, To: []int32{1}},
		"1번 브로커가 orders-1을 /d7로 옮겼다":                              {Kind: PartitionMoved, Broker: 1, Name: "orders", Partition: 1, New: "/d7"},
		"1번 브로커가 orders-1을 /d3으로 옮겼다":                             {Kind: PartitionMoved, Broker: 1, Name: "orders", Partition: 1, New: "/d3"},
		"1번 브로커가 orders-1을 /data로 옮겼다":                            {Kind: PartitionMoved, Broker: 1, Name: "orders", Partition: 1, New: "/data"},
		"서울이 g 그룹에 들어왔다":                                          {Kind: MemberJoined, Name: "g", Who: "서울"},
		"대구가 g 그룹에 들어왔다":                                          {Kind: MemberJoined, Name: "g", Who: "대구"},
		"2번 브로커가 orders-0의 ISR에서 빠졌다, 마지막으로 따라잡은 지 10.2초; ISR: 3": {Kind: ISRShrunk, Name: "orders", About: 2, Took: 10200 * time.Millisecond, To: []int32{3}},
	} {
		if got := e.Sentence(Korean); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for k := Kind(1); k < numKinds; k++ {
		e := Entry{Kind: k, Reason: TimedOut, Name: "a", Who: "w", Old: "o", New: "n", Count: 4, Took: time.Second, To: []int32{1}, From: []int32{1}}
		for _, l := range []Lang{English, Korean} {
			if s := e.Sentence(l); strings.ContainsAny(s, "{}[]") || strings.Contains(s, "을/를") || strings.Contains(s, "이/가") || strings.Contains(s, "으로/로") {
				t.Errorf("%s is not expanded", s)
			}
		}
	}
}

func TestJSONIsReadBack(t *testing.T) {
	j := New(func() time.Time { return time.UnixMilli(1_600_000_000_123).UTC() })
	for k := Kind(1); k < numKinds; k++ {
		j.Record(Entry{Kind: k, Cause: 1, Reason: TimedOut, Name: "a\n\"b", Partition: 1, About: -1, ControllerEpoch: 1, LeaderEpoch: 2, From: []int32{1},
			To: []int32{2}, Who: "w", Old: "o", New: "n", Offset: 3, Count: 4, Took: time.Second, Number: -5})
	}
	all, _ := j.Since(0)
	for _, e := range all {
		b, err := e.JSON(Korean)
		if err != nil || strings.ContainsAny(string(b), "\r\n") {
			t.Fatalf("%s, %v", b, err)
		}
		var got Entry
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if !e.Kind.ofPartition() {
			e.Partition = 0
		}
		if !reflect.DeepEqual(got, e) {
			t.Errorf("read back\n%+v, want\n%+v", got, e)
		}
	}
}

// FuzzEntry reads entries of strangers: an HTTP port that is asked for its journal may be
// anybody's.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"kind":"leader-elected","name":"t","partition":0,"to":[1,2],"time":"2020-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Entry
		if json.Unmarshal(b, &e) != nil {
			return
		}
		if len(e.Name) > maxText || len(e.To) > maxBrokers {
			t.Error("not bounded")
		}
		h := NewHistory([]Entry{e, e})
		for i := range h.Entries() {
			h.Chain(&h.Entries()[i])
			h.Entries()[i].Sentence(Korean)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	j := New(nil)
	for range 10_000 {
		j.Record(Entry{Kind: ISRShrunk})
	}
	e := Entry{Kind: ISRShrunk, Name: "orders", From: []int32{1, 2, 3}, To: []int32{1, 2}}
	b.ReportAllocs()
	for b.Loop() {
		j.Record(e)
	}
}
