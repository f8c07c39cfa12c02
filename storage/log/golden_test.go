package log

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"momus/configs"
	"momus/internal/model"
	"momus/internal/testbase"
	"momus/storage/checkpoint"
	"momus/storage/internal/goldentest"
	"momus/storage/record"
	"momus/storage/vfs"
)

// The golden cases are log directories of real Kafka 2.5.0 brokers, with what such a broker serves
// from them and what it leaves behind after a start and a clean stop. Some are in testdata; more
// are tested if GOLDEN_LOGS names a directory with them.

type goldenFile struct {
	Size   int64
	SHA256 string
}

type goldenPartition struct {
	Records          [][]any
	CommittedRuns    [][2]int64 `json:"committed_runs"`
	LogStartOffset   int64      `json:"log_start_offset"`
	HighWatermark    int64      `json:"high_watermark"`
	LastStableOffset int64      `json:"last_stable_offset"`
}

type goldenCase struct {
	Case    string
	Brokers map[string]struct {
		LogDirs []string `json:"log_dirs"`
	}
	Compare    map[string]string // topics of which more may follow (prefix), or which are not compared (skip)
	ZK         map[string]string
	Partitions map[string]goldenPartition
	After      struct {
		Files     map[string]goldenFile
		TextFiles map[string]string `json:"text_files"`
	} `json:"after_restart_and_clean_stop"`
}

// goldenCases are the recorded cases; GOLDEN_LOGS may name a directory with more.
func goldenCases(t testing.TB) []string {
	return testbase.Cases(t, "testdata/golden/*.json", "GOLDEN_LOGS")
}

func TestGoldenLogsAreReadAndLeftAsKafkaDoes(t *testing.T) {
	for _, path := range goldenCases(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &goldenCase{}
			content, err := os.ReadFile(path)
			if err == nil {
				d := json.NewDecoder(bytes.NewReader(content))
				d.UseNumber()
				err = d.Decode(g)
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Case == "jbod" {
				g.Compare["jb-future"] = "skip" // Kafka does not close a log whose copy in another directory is unfinished
			}
			root := t.TempDir()
			untar(t, strings.TrimSuffix(path, ".json")+".tar.gz", root)
			g.run(t, root)
			g.compareTree(t, root)
		})
	}
}

// run opens every log as a broker does at its start, compares what can be read, and stops cleanly.
func (g *goldenCase) run(t *testing.T, root string) {
	for _, broker := range g.Brokers {
		for _, dir := range broker.LogDirs {
			g.runDir(t, root, dir)
		}
	}
}

func (g *goldenCase) runDir(t *testing.T, root, dir string) {
	f, full := vfs.OS{}, filepath.Join(root, dir)
	clean, err := checkpoint.HasCleanShutdown(f, full)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) map[model.TopicPartition]int64 {
		offsets, err := checkpoint.ReadOffsets(f, filepath.Join(full, name))
		if err != nil {
			t.Fatal(err)
		}
		return offsets
	}
	points, starts := read(checkpoint.RecoveryPointFile), read(checkpoint.LogStartFile)
	var logs []*Log
	entries, _ := os.ReadDir(full)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), "-delete"), "-future")
		special := name != e.Name()
		if special {
			name = name[:strings.LastIndexByte(name, '.')]
		}
		tp, err := model.ParseTopicPartition(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(Options{
			Dir: filepath.Join(full, e.Name()), TopicPartition: tp, Config: g.topicConfig(t, tp.Topic), Clean: clean,
			LogStartOffset: starts[tp], RecoveryPoint: points[tp],
			Now:       func() time.Time { return time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC) },
			OnIOError: func(err error) { t.Errorf("i/o error: %v", err) },
		})
		if err != nil {
			t.Fatalf("open %s: %v", e.Name(), err)
		}
		if special {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		g.becomeLeader(t, l, dir)
		if want, ok := g.Partitions[tp.String()]; ok && g.Compare[tp.Topic] != "skip" {
			comparePartition(t, l, want, g.Compare[tp.Topic] == "prefix")
		}
		logs = append(logs, l)
	}
	if err := checkpoint.RemoveCleanShutdown(f, full); err != nil {
		t.Fatal(err)
	}
	points, starts = map[model.TopicPartition]int64{}, map[model.TopicPartition]int64{}
	for _, l := range logs {
		if err := l.Close(); err != nil {
			t.Fatalf("close %s: %v", l.tp, err)
		}
		points[l.tp] = l.RecoveryPoint()
		if l.LogStartOffset() > l.FirstBaseOffset() {
			starts[l.tp] = l.LogStartOffset()
		}
		if err := l.DeleteSnapshotsAfterCheckpoint(); err != nil {
			t.Fatal(err)
		}
	}
	for name, offsets := range map[string]map[model.TopicPartition]int64{checkpoint.RecoveryPointFile: points, checkpoint.LogStartFile: starts} {
		if err := checkpoint.WriteOffsets(f, filepath.Join(full, name), offsets); err != nil {
			t.Fatal(err)
		}
	}
}

// becomeLeader does what the first LeaderAndIsr request does to the log: the leader epoch begins at
// the log end, and with all replicas in sync the high watermark goes there.
func (g *goldenCase) becomeLeader(t *testing.T, l *Log, dir string) {
	after := g.After.TextFiles[dir+"/"+l.tp.String()+"/leader-epoch-checkpoint"]
	if lines := strings.Fields(after); len(lines) > 2 {
		e, _ := strconv.ParseInt(lines[len(lines)-2], 10, 32)
		if latest, known := l.LatestEpoch(); !known || int32(e) > latest {
			if err := l.AssignEpochStart(int32(e)); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.UpdateHighWatermark(l.LogEndOffset())
}

func (g *goldenCase) topicConfig(t *testing.T, topic string) *configs.Topic {
	c := testConfig()
	if text, ok := g.ZK["/config/topics/"+topic]; ok {
		var node struct{ Config map[string]string }
		if err := json.Unmarshal([]byte(text), &node); err != nil {
			t.Fatal(err)
		}
		number := func(key string, set func(n int64)) {
			if v, ok := node.Config[key]; ok {
				n, err := strconv.ParseInt(v, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				set(n)
			}
		}
		number("segment.bytes", func(n int64) { c.SegmentBytes = int32(n) })
		number("segment.index.bytes", func(n int64) { c.SegmentIndexBytes = int32(n) })
		number("index.interval.bytes", func(n int64) { c.IndexIntervalBytes = int32(n) })
		number("segment.ms", func(n int64) { c.SegmentMs = n })
		c.Preallocate = node.Config["preallocate"] == "true"
		if strings.Contains(node.Config["cleanup.policy"], "compact") {
			c.Compact, c.Delete = true, false
		}
		switch v := node.Config["message.format.version"]; {
		case strings.HasPrefix(v, "0.9"):
			c.RecordVersion = 0
		case strings.HasPrefix(v, "0.10"):
			c.RecordVersion = 1
		}
	}
	return c
}

// comparePartition reads the log in both isolation levels. prefix: more may follow the recorded
// part.
func comparePartition(t *testing.T, l *Log, want goldenPartition, prefix bool) {
	t.Helper()
	check := func(what string, got, want int64) {
		t.Helper()
		if got != want && !(prefix && got >= want) {
			t.Errorf("%s: %s is %d, not %d", l.tp, what, got, want)
		}
	}
	check("log start offset", l.LogStartOffset(), want.LogStartOffset)
	check("high watermark", l.HighWatermark(), want.HighWatermark)
	check("last stable offset", l.LastStableOffset(), want.LastStableOffset)
	committed := func(offset int64) bool {
		return slices.ContainsFunc(want.CommittedRuns, func(r [2]int64) bool { return r[0] <= offset && offset <= r[1] })
	}
	for _, isolation := range []Isolation{UpToHighWatermark, UpToLastStable} {
		var wanted []string
		for _, r := range want.Records {
			o, _ := r[0].(json.Number).Int64()
			if isolation == UpToLastStable && !committed(o) {
				continue
			}
			b, _ := json.Marshal(r)
			wanted = append(wanted, string(b))
		}
		got := readAll(t, l, isolation)
		if prefix && len(got) > len(wanted) {
			got = got[:len(wanted)]
		}
		if len(got) != len(wanted) {
			t.Errorf("%s: %d records, not %d (isolation %d)", l.tp, len(got), len(wanted), isolation)
		}
		for i := range min(len(got), len(wanted)) {
			if got[i] != wanted[i] {
				t.Errorf("%s: record %d is\n%s, not\n%s (isolation %d)", l.tp, i, got[i], wanted[i], isolation)
				break
			}
		}
	}
}

// batches are the batches that were read, but for one that is cut off at the end.
func batches(t testing.TB, data []byte) iter.Seq[record.Batch] {
	return func(yield func(record.Batch) bool) {
		for {
			b, rest, err := record.Next(data)
			if err != nil {
				t.Fatal(err)
			}
			if b == nil || !yield(b) {
				return
			}
			data = rest
		}
	}
}

// readAll reads as a consumer does and returns the records in the form of the golden files.
func readAll(t *testing.T, l *Log, isolation Isolation) []string {
	t.Helper()
	var all []string
	offset := l.LogStartOffset()
	for {
		r, err := l.Read(offset, 3000, isolation, true)
		if err != nil {
			t.Fatalf("%s: read at %d: %v", l.tp, offset, err)
		}
		if r.Records.Len() == 0 {
			if isolation == UpToHighWatermark && offset != r.HighWatermark || isolation == UpToLastStable && offset != r.LastStableOffset {
				t.Errorf("%s: nothing to read at %d of %d (last stable %d)", l.tp, offset, r.HighWatermark, r.LastStableOffset)
			}
			return all
		}
		data := make([]byte, r.Records.Len())
		if n, err := r.Records.ReadAt(data, 0); n != len(data) {
			t.Fatalf("%s: read %d of %d bytes: %v", l.tp, n, len(data), err)
		}
		r.Records.Release()
		aborted := r.Aborted
		slices.SortStableFunc(aborted, func(a, b AbortedTxn) int { return int(a.FirstOffset - b.FirstOffset) })
		open := map[int64]bool{}
		start := offset
		for b := range batches(t, data) {
			for len(aborted) > 0 && aborted[0].FirstOffset <= b.LastOffset() {
				open[aborted[0].ProducerID] = true
				aborted = aborted[1:]
			}
			if b.IsControl() {
				if kind, _, err := b.ControlType(); b.Count() > 0 && err == nil && kind == record.ControlAbort {
					delete(open, b.ProducerID())
				}
			} else if !(isolation == UpToLastStable && b.IsTransactional() && open[b.ProducerID()]) {
				err := b.ForEach(nil, func(r *record.Record) error {
					if r.Offset >= start {
						all = append(all, goldentest.Record(b, r))
					}
					return nil
				})
				if err != nil {
					t.Fatalf("%s: batch at %d: %v", l.tp, b.BaseOffset(), err)
				}
			}
			offset = b.NextOffset()
		}
		if offset == start {
			t.Fatalf("%s: no batch at %d", l.tp, offset)
		}
	}
}

// compareTree compares the files with those of the real broker: bytes of .log, .index, .txnindex,
// sizes of .timeindex and .snapshot, text of checkpoints.
func (g *goldenCase) compareTree(t *testing.T, root string) {
	got := map[string]string{}
	filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if rel, _ := filepath.Rel(root, path); err == nil && !info.IsDir() && !strings.HasPrefix(rel, "zookeeper") {
			got[filepath.ToSlash(rel)] = path
		}
		return err
	})
	names := map[string]bool{}
	for f := range g.After.Files {
		names[f] = true
	}
	for f := range got {
		names[f] = true
	}
	sorted := make([]string, 0, len(names))
	for f := range names {
		sorted = append(sorted, f)
	}
	sort.Strings(sorted)
	for _, f := range sorted {
		dir, base := filepath.Base(filepath.Dir(f)), filepath.Base(f)
		topic := dir
		if i := strings.LastIndexByte(dir, '-'); i >= 0 {
			topic = dir[:i]
		}
		if strings.HasPrefix(dir, "__") || g.Compare[topic] != "" || strings.HasSuffix(dir, "-delete") || strings.HasSuffix(dir, "-future") ||
			strings.HasSuffix(f, ".deleted") || strings.HasSuffix(f, ".tmp") || !strings.Contains(f, "/") {
			continue
		}
		switch base {
		case checkpoint.CleanerFile, checkpoint.HighWatermarkFile, checkpoint.MetaFile, checkpoint.CleanShutdownFile, checkpoint.LockFile:
			continue // not the log's
		}
		want, ok := g.After.Files[f]
		if !ok {
			t.Errorf("extra file %s", f)
			continue
		}
		path, ok := got[f]
		if !ok {
			t.Errorf("missing file %s", f)
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch ext := filepath.Ext(f); {
		case strings.HasSuffix(f, "-checkpoint"):
			if a, b := g.checkpointLines(g.After.TextFiles[f]), g.checkpointLines(string(content)); !slices.Equal(a, b) {
				t.Errorf("%s: %q, not %q", f, b, a)
			}
		case int64(len(content)) != want.Size:
			t.Errorf("%s: %d bytes, not %d", f, len(content), want.Size)
		case ext == logSuffix || ext == indexSuffix || ext == txnSuffix:
			if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want.SHA256 {
				t.Errorf("%s: right size, wrong bytes", f)
			}
		}
	}
}

func (g *goldenCase) checkpointLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var kept []string
	for _, line := range lines[min(2, len(lines)):] {
		topic, _, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(line, "__") && g.Compare[topic] == "" {
			kept = append(kept, line)
		}
	}
	slices.Sort(kept)
	return kept
}

func untar(t testing.TB, path, root string) {
	t.Helper()
	goldentest.Unpack(t, path, func(name string, content []byte, modified time.Time) error {
		if strings.HasPrefix(name, "zookeeper") {
			return nil
		}
		full := filepath.Join(root, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			return os.MkdirAll(full, 0o755)
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, content, 0o644); err != nil {
			return err
		}
		return os.Chtimes(full, modified, modified)
	})
}

// testConfig is the configuration of a topic with Kafka's defaults.
func testConfig() *configs.Topic { return goldentest.Topic(nil) }
