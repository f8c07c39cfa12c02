package txn

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/coordinator/shard"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// quiet is a logger that writes nothing.
func quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

// testConfig has Kafka's defaults.
func testConfig() *configs.Broker {
	return &configs.Broker{
		TransactionAbortTimedOutTransactionCleanupIntervalMs: 10000, TransactionRemoveExpiredTransactionCleanupIntervalMs: 3600000,
		TransactionalIDExpirationMs: 604800000, TransactionMaxTimeoutMs: 900000, TransactionStateLogLoadBufferSize: 5242880,
		TransactionStateLogNumPartitions: 50, RequestTimeoutMs: 30000,
	}
}

// world is a Partition with a clock, a log, and names for its calls.
type world struct {
	t       testing.TB
	cfg     *configs.Broker
	p       *Partition
	epoch   int32
	now     time.Time
	log     []record.Batch
	next    int64
	held    bool
	tags    []shard.Appended // appends that wait, with the result they will have
	fail    *kerr.Error
	calls   map[*shard.Call]request
	nextID  int64
	jobs    map[string]SendMarkers
	out     strings.Builder
	appends int
	onReply func(r request, value any, err error)
}

// request is a call under way.
type request struct {
	name string
	ev   any
}

// epochMs is when worlds begin; times are shown relative to it.
const epochMs = 1_600_000_000_000

func newWorld(t testing.TB) *world {
	w := &world{t: t, cfg: testConfig(), now: time.UnixMilli(epochMs).UTC(), calls: map[*shard.Call]request{}, nextID: 1000, jobs: map[string]SendMarkers{}, epoch: 5}
	w.reload()
	return w
}

// reload replays the log into a new partition, as the next coordinator does.
func (w *world) reload() {
	w.p = NewPartition(func() *configs.Broker { return w.cfg }, quiet(), w.epoch)
	for _, b := range w.log {
		if err := w.p.Replay(b); err != nil {
			fmt.Fprintf(&w.out, "replay: %v\n", err)
		}
	}
	w.effects(w.p.Loaded(w.now))
	w.check()
}

func (w *world) call(name string, ev any) {
	call := shard.NewCall()
	w.calls[call] = request{name, ev}
	w.step(ev, call)
}

func (w *world) step(ev any, call *shard.Call) {
	w.effects(w.p.Step(w.now, ev, call))
	w.check()
}

func (w *world) effects(effects []shard.Effect) {
	var ended []shard.Appended
	for _, e := range slices.Clone(effects) {
		switch e := e.(type) {
		case shard.Reply:
			r, ok := w.calls[e.Call]
			if !ok {
				w.t.Fatalf("a call was answered twice, or was none: %v", e)
			}
			if errors.Is(e.Err, errNeedProducerID) {
				old := *r.ev.(*InitRequest)
				old.fresh = w.nextID
				w.nextID++
				delete(w.calls, e.Call)
				defer func() { w.call(r.name, &old) }()
				continue
			}
			delete(w.calls, e.Call)
			if w.onReply != nil {
				w.onReply(r, e.Value, e.Err)
			}
			fmt.Fprintf(&w.out, "%s: %s\n", r.name, show(e.Value, e.Err))
		case shard.Append:
			if a, ok := w.append(e); ok {
				ended = append(ended, a)
			}
		case shard.Emit:
			switch v := e.Value.(type) {
			case SendMarkers:
				w.jobs[v.TransactionalID] = v
				fmt.Fprintf(&w.out, "markers of %s: producer %d epoch %d commit=%v coordinator-epoch=%d to %s\n", v.TransactionalID, v.ProducerID,
					v.Epoch, v.Commit, v.CoordinatorEpoch, showPartitions(v.Partitions))
			case DropMarkers:
				clear(w.jobs)
				fmt.Fprintf(&w.out, "markers dropped\n")
			}
		}
	}
	for _, a := range ended {
		w.effects(w.p.Step(w.now, a, nil))
	}
}

func (w *world) append(e shard.Append) (shard.Appended, bool) {
	w.appends++
	if w.fail != nil {
		fmt.Fprintf(&w.out, "append refused: %s\n", w.fail.Name)
		return shard.Appended{Tag: e.Tag, Result: shard.Result{BaseOffset: -1, Err: w.fail}}, true
	}
	b := record.Batch(slices.Clone(e.Batch))
	b.SetBaseOffset(w.next)
	if err := b.Verify(); err != nil {
		w.t.Fatalf("batch written: %v", err)
	}
	if e.Acks != -1 {
		w.t.Fatalf("append with acks %d", e.Acks)
	}
	fmt.Fprintf(&w.out, "append at %d timeout=%v\n", w.next, e.Timeout)
	if err := b.ForEach(nil, func(r *record.Record) error {
		fmt.Fprintf(&w.out, "  %s\n", showRecord(r))
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	a := shard.Appended{Tag: e.Tag, Result: shard.Result{BaseOffset: w.next}}
	w.log = append(w.log, b)
	w.next = b.NextOffset()
	if w.held {
		w.tags = append(w.tags, a)
		return a, false
	}
	return a, true
}

// release ends the appends that wait, with err for all.
func (w *world) release(err error) {
	w.held = false
	tags := w.tags
	w.tags = nil
	for _, a := range tags {
		if a.Err = err; err != nil {
			a.BaseOffset = -1
		}
		w.step(a, nil)
	}
}

func (w *world) written(id string) {
	j, ok := w.jobs[id]
	if !ok {
		w.t.Fatalf("no markers of %s are out", id)
	}
	delete(w.jobs, id)
	w.step(markersWritten{j.TransactionalID, j.ProducerID, j.Epoch}, nil)
}

// advance lets time pass, with a tick at each deadline.
func (w *world) advance(d time.Duration) {
	until := w.now.Add(d)
	for {
		at, ok := w.p.NextDeadline()
		if !ok || at.After(until) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		before := w.out.Len()
		w.step(shard.Tick{}, nil)
		if w.out.Len() > before {
			rest := w.out.String()
			w.out.Reset()
			w.out.WriteString(rest[:before] + fmt.Sprintf("at %s:\n", w.now.Sub(time.UnixMilli(epochMs))) + rest[before:])
		}
	}
	w.now = until
}

// check holds the invariants of every state.
func (w *world) check() {
	for id, t := range w.p.transactions {
		switch {
		case t.id != id:
			w.t.Fatalf("%s is found as %s", t.id, id)
		case t.State == Ongoing && t.StartMs < 0:
			w.t.Fatalf("%s is Ongoing without a start", id)
		case t.State == Empty && len(t.Partitions) > 0, t.State == CompleteCommit && len(t.Partitions) > 0, t.State == CompleteAbort && len(t.Partitions) > 0:
			w.t.Fatalf("%s is %s with partitions", id, t.State)
		case t.State.decided() && t.pending != completion(t.State):
			w.t.Fatalf("%s is %s, pending %s", id, t.State, t.pending)
		case !t.busy() && len(t.parked) > 0:
			w.t.Fatalf("%s is %s, and %d requests wait", id, t.State, len(t.parked))
		case !slices.IsSortedFunc(t.Partitions, model.TopicPartition.Compare):
			w.t.Fatalf("%s has partitions %v", id, t.Partitions)
		}
		for _, c := range t.parked {
			if c.answered || c.t != t {
				w.t.Fatalf("%s has a waiting request that is answered or not its own", id)
			}
		}
	}
}

func showMs(ms int64) string {
	if ms < 0 {
		return "none"
	}
	return (time.Duration(ms-epochMs) * time.Millisecond).String()
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
	return s + fmt.Sprintf(" timeout=%dms partitions=%s start=%s update=%s", m.TimeoutMs, showPartitions(m.Partitions), showMs(m.StartMs), showMs(m.UpdateMs))
}

func (w *world) showState() {
	for _, id := range shard.SortedKeys(w.p.transactions) {
		t := w.p.transactions[id]
		fmt.Fprintf(&w.out, "%s: %s", id, showMetadata(&t.Metadata))
		if t.pending != noState {
			fmt.Fprintf(&w.out, " pending=%s", t.pending)
		}
		if len(t.parked) > 0 {
			fmt.Fprintf(&w.out, " waiting=%d", len(t.parked))
		}
		fmt.Fprintln(&w.out)
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

// args reads the arguments of a command.
type args struct{ d *datadriven.TestData }

func (a args) str(key, otherwise string) string {
	for _, c := range a.d.CmdArgs {
		if c.Key == key && len(c.Vals) > 0 {
			return strings.Join(c.Vals, ",")
		}
	}
	return otherwise
}

func (a args) num(t testing.TB, key string, otherwise int64) int64 {
	s := a.str(key, "")
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", a.d.Pos, err)
	}
	return n
}

func errByName(t testing.TB, name string) *kerr.Error {
	for code := int16(-1); code < 100; code++ {
		if e := kerr.ForCode(code); e != nil && e.Name == name {
			return e
		}
	}
	t.Fatalf("no error is called %s", name)
	return nil
}

// run carries out one command.
func (w *world) run(d *datadriven.TestData) string {
	w.out.Reset()
	a := args{d}
	id := a.str("id", "x")
	pid, epoch := a.num(w.t, "producer", 1000), int16(a.num(w.t, "epoch", 0))
	switch d.Cmd {
	case "init":
		w.call("init", &InitRequest{
			TransactionalID: id, TimeoutMs: int32(a.num(w.t, "timeout", 60000)), ProducerID: a.num(w.t, "producer", -1), Epoch: int16(a.num(w.t, "epoch", -1)), fresh: -1,
		})
	case "add":
		var tps []model.TopicPartition
		for name := range strings.SplitSeq(a.str("to", "t-0"), ",") {
			tp, err := model.ParseTopicPartition(name)
			if err != nil {
				w.t.Fatal(err)
			}
			tps = append(tps, tp)
		}
		w.call("add", &AddRequest{TransactionalID: id, ProducerID: pid, Epoch: epoch, Partitions: tps})
	case "commit", "abort":
		w.call(d.Cmd, &EndRequest{TransactionalID: id, ProducerID: pid, Epoch: epoch, Commit: d.Cmd == "commit"})
	case "written":
		w.written(id)
	case "hold":
		w.held = true
	case "release":
		var err error
		if name := a.str("error", ""); name != "" {
			err = errByName(w.t, name)
		}
		w.release(err)
	case "fail":
		w.fail = nil
		if name := a.str("with", ""); name != "" {
			w.fail = errByName(w.t, name)
		}
	case "advance":
		by, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			w.t.Fatal(err)
		}
		w.advance(by)
	case "epoch":
		w.step(epochRaised(a.num(w.t, "to", 0)), nil)
	case "failover":
		w.epoch++
		w.effects(w.p.Unload(w.now))
		if len(w.calls) > 0 {
			w.t.Fatalf("%d calls were not answered at the end", len(w.calls))
		}
		w.tags, w.held = nil, false
		w.reload()
	case "set": // puts an epoch that takes long to reach
		w.p.transactions[id].Epoch = epoch
	case "state":
		w.showState()
	case "stats":
		fmt.Fprintf(&w.out, "%+v\n", w.p.stats())
	case "golden": // the first batches of a log that Apache Kafka 2.5.0 wrote
		w.log = readGolden(w.t, a.str("file", ""))
		w.log = w.log[:a.num(w.t, "first", int64(len(w.log)))]
		w.now = time.UnixMilli(w.log[len(w.log)-1].MaxTimestamp())
		w.next = w.log[len(w.log)-1].NextOffset()
		w.reload()
		w.showState()
	case "matrix":
		w.matrix(d.Input)
	default:
		w.t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	if w.out.Len() == 0 {
		return "ok\n"
	}
	return w.out.String()
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
			m := newWorld(w.t)
			for _, cmd := range append([]string{"init"}, strings.Split(s.into, "|")...) {
				if cmd != "" {
					m.run(command(w.t, cmd))
				}
			}
			var answer string
			m.onReply = func(r request, v any, err error) {
				if strings.HasPrefix(r.name, "asked ") {
					answer = show(v, err)
				}
			}
			before := len(m.log)
			d := command(w.t, line)
			m.ask(d)
			when := ""
			if answer == "" {
				m.advance(concurrentWait)
				when = " after a wait"
			}
			if answer == "" {
				answer, when = "appended, to be answered when that is durable", ""
			}
			fmt.Fprintf(&out, "  %-32s %s%s", line, answer, when)
			if len(m.log) > before {
				if err := m.log[before].ForEach(nil, func(r *record.Record) error {
					fmt.Fprintf(&out, " | %s", showRecord(r))
					return nil
				}); err != nil {
					w.t.Fatal(err)
				}
			}
			fmt.Fprintln(&out)
		}
	}
	w.out.Reset()
	w.out.WriteString(out.String())
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

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		w := newWorld(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			w.t = t
			return w.run(d)
		})
	})
}

func readGolden(t testing.TB, name string) []record.Batch {
	t.Helper()
	rest, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	var batches []record.Batch
	for len(rest) > 0 {
		b, r, err := record.Next(rest)
		if err != nil || b == nil {
			t.Fatalf("%s: %v", name, err)
		}
		batches, rest = append(batches, b), r
	}
	return batches
}
