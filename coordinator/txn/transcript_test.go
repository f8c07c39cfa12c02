package txn

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"momus/coordinator/shard"
	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// testConfig has Kafka's defaults.
func testConfig() Settings {
	return Settings{ExpirationMs: 604800000, AbortSweepMs: 10000, ExpirySweepMs: 3600000, LoadBufferBytes: 5242880, TimeoutMs: 30000}
}

// world is a Partition with a clock, a log, and names for its calls.
type world struct {
	shardtest.World
	cfg     Settings
	p       *Partition
	epoch   int32
	calls   map[*shard.Call]request
	nextID  int64
	jobs    map[string]SendMarkers
	onReply func(r request, value any, err error)
}

// request is a call under way.
type request struct {
	name string
	ev   any
}

func newWorld(t testing.TB) *world {
	w := &world{cfg: testConfig(), calls: map[*shard.Call]request{}, nextID: 1000, jobs: map[string]SendMarkers{}, epoch: 5}
	w.T, w.Now, w.Record, w.Check = t, time.UnixMilli(shardtest.EpochMs).UTC(), showRecord, w.check
	w.Reply, w.Emit, w.Appended = w.answered, w.emitted, w.appended
	w.reload()
	return w
}

// reload replays the log into a new partition, as the next coordinator does.
func (w *world) reload() {
	w.p = NewPartition(func() Settings { return w.cfg }, shardtest.Quiet(), w.epoch)
	w.Load(w.p)
}

func (w *world) call(name string, ev any) {
	call := shard.NewCall()
	w.calls[call] = request{name, ev}
	w.Step(ev, call)
}

// answered notes an answer; a request that lacks a producer id is sent again with one, as the
// coordinator does.
func (w *world) answered(e shard.Reply) func() {
	r, ok := w.calls[e.Call]
	if !ok {
		w.T.Fatalf("a call was answered twice, or was none: %v", e)
	}
	delete(w.calls, e.Call)
	if errors.Is(e.Err, errNeedProducerID) {
		again := *r.ev.(*InitRequest)
		again.fresh = w.nextID
		w.nextID++
		return func() { w.call(r.name, &again) }
	}
	if w.onReply != nil {
		w.onReply(r, e.Value, e.Err)
	}
	w.Printf("%s: %s\n", r.name, show(e.Value, e.Err))
	return nil
}

func (w *world) emitted(value any) {
	switch v := value.(type) {
	case SendMarkers:
		w.jobs[v.TransactionalID] = v
		w.Printf("markers of %s: producer %d epoch %d commit=%v coordinator-epoch=%d to %s\n", v.TransactionalID, v.ProducerID,
			v.Epoch, v.Commit, v.CoordinatorEpoch, showPartitions(v.Partitions))
	case DropMarkers:
		clear(w.jobs)
		w.Printf("markers dropped\n")
	}
}

func (w *world) appended(e shard.Append, _ record.Batch) string {
	if e.Acks != -1 || e.Tag == 0 {
		w.T.Fatalf("append with acks %d, tag %d", e.Acks, e.Tag)
	}
	return fmt.Sprintf(" timeout=%v", e.Timeout)
}

func (w *world) written(id string) {
	j, ok := w.jobs[id]
	if !ok {
		w.T.Fatalf("no markers of %s are out", id)
	}
	delete(w.jobs, id)
	w.Step(markersWritten{j.TransactionalID, j.ProducerID, j.Epoch}, nil)
}

// check holds the invariants of every state.
func (w *world) check() {
	for id, t := range w.p.transactions {
		switch {
		case t.id != id:
			w.T.Fatalf("%s is found as %s", t.id, id)
		case t.State == Ongoing && t.StartMs < 0:
			w.T.Fatalf("%s is Ongoing without a start", id)
		case t.State == Empty && len(t.Partitions) > 0, t.State == CompleteCommit && len(t.Partitions) > 0, t.State == CompleteAbort && len(t.Partitions) > 0:
			w.T.Fatalf("%s is %s with partitions", id, t.State)
		case t.State.decided() && t.pending != completion(t.State):
			w.T.Fatalf("%s is %s, pending %s", id, t.State, t.pending)
		case !t.busy() && len(t.parked) > 0:
			w.T.Fatalf("%s is %s, and %d requests wait", id, t.State, len(t.parked))
		case !slices.IsSortedFunc(t.Partitions, model.TopicPartition.Compare):
			w.T.Fatalf("%s has partitions %v", id, t.Partitions)
		}
		for _, c := range t.parked {
			if c.answered || c.t != t {
				w.T.Fatalf("%s has a waiting request that is answered or not its own", id)
			}
		}
	}
}

func showPartitions(tps []model.TopicPartition) string {
	var s []string
	for _, tp := range tps {
		s = append(s, tp.String())
	}
	return "[" + strings.Join(s, " ") + "]"
}

func showRecord(r *record.Record) string {
	id, err := decodeKey(r.Key)
	if err != nil {
		return err.Error()
	}
	if r.Value == nil {
		return id + " <DELETE>"
	}
	m, err := decodeValue(r.Value)
	if err != nil {
		return err.Error()
	}
	return id + ": " + showMetadata(&m)
}

func showMetadata(m *Metadata) string {
	s := fmt.Sprintf("%s producer=%d epoch=%d", m.State, m.ProducerID, m.Epoch)
	if m.LastProducerID != -1 && m.LastProducerID != m.ProducerID {
		s += fmt.Sprintf(" last-producer=%d", m.LastProducerID)
	}
	if m.LastEpoch != -1 {
		s += fmt.Sprintf(" last-epoch=%d", m.LastEpoch)
	}
	return s + fmt.Sprintf(" timeout=%dms partitions=%s start=%s update=%s", m.TimeoutMs, showPartitions(m.Partitions), shardtest.ShowMs(m.StartMs), shardtest.ShowMs(m.UpdateMs))
}

func (w *world) showState() {
	for _, id := range shard.SortedKeys(w.p.transactions) {
		t := w.p.transactions[id]
		w.Printf("%s: %s", id, showMetadata(&t.Metadata))
		if t.pending != noState {
			w.Printf(" pending=%s", t.pending)
		}
		if len(t.parked) > 0 {
			w.Printf(" waiting=%d", len(t.parked))
		}
		fmt.Fprintln(&w.Out)
	}
}

func show(v any, err error) string {
	if err != nil {
		return kerr.Of(err).Name
	}
	if r, ok := v.(InitResult); ok {
		return fmt.Sprintf("producer=%d epoch=%d", r.ProducerID, r.Epoch)
	}
	return "ok"
}

// run carries out one command.
func (w *world) run(d *datadriven.TestData) string {
	w.Out.Reset()
	a := shardtest.Args{T: w.T, D: d}
	id := a.Str("id", "x")
	pid, epoch := a.Num("producer", 1000), int16(a.Num("epoch", 0))
	switch d.Cmd {
	case "init":
		w.call("init", &InitRequest{
			TransactionalID: id, TimeoutMs: int32(a.Num("timeout", 60000)), ProducerID: a.Num("producer", -1), Epoch: int16(a.Num("epoch", -1)), fresh: -1,
		})
	case "add":
		w.call("add", &AddRequest{TransactionalID: id, ProducerID: pid, Epoch: epoch, Partitions: a.Partitions(strings.Split(a.Str("to", "t-0"), ","))})
	case "commit", "abort":
		w.call(d.Cmd, &EndRequest{TransactionalID: id, ProducerID: pid, Epoch: epoch, Commit: d.Cmd == "commit"})
	case "written":
		w.written(id)
	case "hold":
		w.Held = true
	case "release":
		w.Release(a.Err(a.Str("error", "")))
	case "fail":
		w.Refuse = a.Err(a.Str("with", ""))
	case "advance":
		w.Advance(a.First())
	case "epoch":
		w.Step(epochRaised(a.Num("to", 0)), nil)
	case "failover":
		w.epoch++
		w.Carry(w.p.Unload(w.Now))
		if len(w.calls) > 0 {
			w.T.Fatalf("%d calls were not answered at the end", len(w.calls))
		}
		w.Waiting, w.Held = nil, false
		w.reload()
	case "set": // puts an epoch that takes long to reach
		w.p.transactions[id].Epoch = epoch
	case "state":
		w.showState()
	case "stats":
		w.Printf("%+v\n", w.p.stats())
	case "golden": // the first batches of a log that Apache Kafka 2.5.0 wrote
		w.Batches = shardtest.Recorded(w.T, a.Str("file", ""))
		w.Batches = w.Batches[:a.Num("first", int64(len(w.Batches)))]
		w.Now = time.UnixMilli(w.Batches[len(w.Batches)-1].MaxTimestamp())
		w.Next = w.Batches[len(w.Batches)-1].NextOffset()
		w.reload()
		w.showState()
	case "matrix":
		w.matrix(d.Input)
	default:
		w.T.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	if w.Out.Len() == 0 {
		return "ok\n"
	}
	return w.Out.String()
}

// states are ways into every state, pending ones included; each begins with a producer 1000 of
// epoch 0.
var states = []struct {
	name string
	into string
}{
	{"Empty", ""},
	{"Empty, Ongoing pending", "hold|add"},
	{"Ongoing", "add"},
	{"Ongoing, PrepareCommit pending", "add|hold|commit"},
	{"Ongoing, PrepareAbort pending", "add|hold|abort"},
	{"PrepareCommit", "add|commit"},
	{"PrepareAbort", "add|abort"},
	{"PrepareCommit, being recorded as complete", "add|commit|hold|written"},
	{"CompleteCommit", "add|commit|written"},
	{"CompleteAbort", "add|abort|written"},
	{"Empty, Dead pending", "hold|advance 200h"},
}

// matrix shows what each request (a line of the input) does in each state: the answer, at once or
// after concurrentWait, and the state then.
func (w *world) matrix(input string) {
	var out strings.Builder
	for _, s := range states {
		fmt.Fprintf(&out, "%s\n", s.name)
		for line := range strings.SplitSeq(strings.TrimSpace(input), "\n") {
			m := newWorld(w.T)
			for _, cmd := range append([]string{"init"}, strings.Split(s.into, "|")...) {
				if cmd != "" {
					m.run(command(w.T, cmd))
				}
			}
			var answer string
			m.onReply = func(r request, v any, err error) {
				if strings.HasPrefix(r.name, "asked ") {
					answer = show(v, err)
				}
			}
			before := len(m.Batches)
			d := command(w.T, line)
			m.ask(d)
			when := ""
			if answer == "" {
				m.Advance(concurrentWait)
				when = " after a wait"
			}
			if answer == "" {
				answer, when = "appended, to be answered when that is durable", ""
			}
			fmt.Fprintf(&out, "  %-32s %s%s", line, answer, when)
			if len(m.Batches) > before {
				if err := m.Batches[before].ForEach(nil, func(r *record.Record) error {
					fmt.Fprintf(&out, " | %s", showRecord(r))
					return nil
				}); err != nil {
					w.T.Fatal(err)
				}
			}
			fmt.Fprintln(&out)
		}
	}
	w.Out.Reset()
	w.Out.WriteString(out.String())
}

// ask runs a request under a name of its own.
func (w *world) ask(d *datadriven.TestData) {
	before := maps.Clone(w.calls)
	reply := w.onReply
	w.onReply = func(r request, v any, err error) {
		r.name = "asked " + r.name
		reply(r, v, err)
	}
	w.run(d)
	w.onReply = reply
	for c, r := range w.calls {
		if _, old := before[c]; !old {
			r.name = "asked " + r.name
			w.calls[c] = r
		}
	}
}

func command(t testing.TB, line string) *datadriven.TestData {
	cmd, cmdArgs, err := datadriven.ParseLine(line)
	if err != nil {
		t.Fatal(err)
	}
	return &datadriven.TestData{Cmd: cmd, CmdArgs: cmdArgs}
}

func TestTranscripts(t *testing.T) { shardtest.Transcripts(t, newWorld, (*world).run) }
