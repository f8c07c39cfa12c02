package cleaner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"momus/configs"
	"momus/internal/model"
	"momus/internal/silent"
	"momus/storage/internal/goldentest"
	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

// The golden cases are log directories of real Kafka 2.5.0 brokers with what such a broker serves
// from them.

// goldenTime is the clock of the recordings.
var goldenTime = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

type goldenCase struct {
	ZK         map[string]string
	Partitions map[string]struct{ Records [][]any }
	files      *vfs.Mem
}

func loadGolden(t testing.TB, name string) *goldenCase {
	t.Helper()
	text, err := os.ReadFile("testdata/golden/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	g := &goldenCase{files: vfs.NewMem()}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(g); err != nil {
		t.Fatal(err)
	}
	goldentest.Unpack(t, "testdata/golden/"+name+".tar.gz", func(name string, content []byte, modified time.Time) error {
		file := "/" + name
		if strings.HasSuffix(file, "/") || !strings.HasPrefix(file, "/broker-1/") {
			return nil
		}
		if err := g.files.MkdirAll(path.Dir(file)); err != nil {
			return err
		}
		if err := vfs.WriteFileAtomic(g.files, file, content, false); err != nil {
			return err
		}
		return g.files.Chtimes(file, modified)
	})
	return g
}

func (g *goldenCase) open(t testing.TB, tp model.TopicPartition) *log.Log {
	t.Helper()
	l, err := log.Open(log.Options{
		FS: g.files, Dir: "/broker-1/" + tp.String(), TopicPartition: tp, Config: g.config(t, tp.Topic), Clean: true,
		Now: func() time.Time { return goldenTime }, Logger: silent.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.UpdateHighWatermark(l.LogEndOffset())
	return l
}

func (g *goldenCase) config(t testing.TB, topic string) *configs.Topic {
	t.Helper()
	var node struct{ Config map[string]string }
	if err := json.Unmarshal([]byte(g.ZK["/config/topics/"+topic]), &node); err != nil {
		t.Fatal(err)
	}
	c := topicConfig()
	for key, value := range node.Config {
		n, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "segment.bytes":
			c.SegmentBytes = int32(n)
		case "index.interval.bytes":
			c.IndexIntervalBytes = int32(n)
		case "delete.retention.ms":
			c.DeleteRetentionMs = n
		case "min.compaction.lag.ms":
			c.MinCompactionLagMs = n
		case "message.format.version":
			c.RecordVersion = record.Magic1
		}
	}
	return c
}

// content is what the log holds, in the form of the golden files.
func content(t testing.TB, l *log.Log) []string {
	t.Helper()
	var all []string
	for _, s := range l.Segments() {
		err := s.ForEachBatch(true, func(b record.Batch, _ int) error {
			if b.IsControl() {
				return nil
			}
			return b.ForEach(nil, func(r *record.Record) error {
				all = append(all, goldentest.Record(b, r))
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func (g *goldenCase) want(tp model.TopicPartition) []string {
	var all []string
	for _, r := range g.Partitions[tp.String()].Records {
		j, _ := json.Marshal(r)
		all = append(all, string(j))
	}
	return all
}

// closedBytes are the bytes of all segments but the active one, one after the other.
func closedBytes(t testing.TB, f vfs.FS, l *log.Log) []byte {
	t.Helper()
	var all []byte
	segments := l.Segments()
	for _, s := range segments[:len(segments)-1] {
		b, err := vfs.ReadFile(f, fmt.Sprintf("%s/%020d.log", l.Dir(), s.BaseOffset()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// TestCleaningKafkasCleanedLogsChangesNothing cleans what Kafka's cleaner has left.
func TestCleaningKafkasCleanedLogsChangesNothing(t *testing.T) {
	g := loadGolden(t, "compaction")
	for topic, cleanable := range map[string]bool{"cmp": true, "cmp-keep": true, "cmp-m1": true, "cmp-txn": true, "cmp-lag": false} {
		t.Run(topic, func(t *testing.T) {
			tp := model.TopicPartition{Topic: topic}
			l := g.open(t, tp)
			if got := content(t, l); !slices.Equal(got, g.want(tp)) {
				t.Fatalf("read %d records, not the %d that Kafka reads", len(got), len(g.want(tp)))
			}
			before, producers, segments := closedBytes(t, g.files, l), producerStates(l), len(l.Segments())
			for range 2 {
				r, err := cleanOnce(l, 0, testLimits())
				if err != nil {
					t.Fatal(err)
				}
				if got := r.end == l.ActiveBaseOffset(); got != cleanable {
					t.Errorf("cleaned up to %d, the active segment begins at %d", r.end, l.ActiveBaseOffset())
				}
				if after := closedBytes(t, g.files, l); !bytes.Equal(after, before) {
					t.Errorf("%d bytes, not %d, or others", len(after), len(before))
				}
				if got := content(t, l); !slices.Equal(got, g.want(tp)) {
					t.Errorf("read %d records, not the %d that Kafka reads", len(got), len(g.want(tp)))
				}
				if got := producerStates(l); got != producers {
					t.Errorf("producers were\n%sand are\n%s", producers, got)
				}
			}
			if cleanable && len(l.Segments()) >= segments {
				t.Errorf("%d segments, before %d: small ones were not joined", len(l.Segments()), segments)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = g.open(t, tp)
			if got := content(t, l); !slices.Equal(got, g.want(tp)) {
				t.Errorf("reopened: read %d records, not the %d that Kafka reads", len(got), len(g.want(tp)))
			}
		})
	}
}

// TestCleaningWritesTheFilesThatKafkaWrites cleans the log that Kafka's cleaner was cutting when
// the recording was made: the files must be those that it had finished, byte for byte.
func TestCleaningWritesTheFilesThatKafkaWrites(t *testing.T) {
	g := loadGolden(t, "swap-recovery")
	tp := model.TopicPartition{Topic: "sw-cleaned"}
	dir := "/broker-1/" + tp.String()
	kafkas := map[string][]byte{}
	entries, err := g.files.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".cleaned"); ok {
			if kafkas[name], err = vfs.ReadFile(g.files, dir+"/"+e.Name()); err != nil {
				t.Fatal(err)
			}
		}
	}
	l := g.open(t, tp)
	if names := leftovers(t, g.files, dir); names != nil {
		t.Fatalf("left over: %v", names)
	}
	want := g.want(tp)
	if got := content(t, l); !slices.Equal(got, want) {
		t.Fatalf("read %d records, not the %d that Kafka reads", len(got), len(want))
	}
	mtimes := map[int64]time.Time{}
	for _, s := range l.Segments() {
		if mtimes[s.BaseOffset()], err = s.ModTime(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cleanOnce(l, 0, testLimits()); err != nil {
		t.Fatal(err)
	}
	if len(kafkas) < 9 {
		t.Fatalf("only %d files recorded", len(kafkas))
	}
	for name, content := range kafkas {
		got, err := vfs.ReadFile(g.files, dir+"/"+name)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes %x (%v), Kafka wrote %d bytes %x", name, len(got), got[:min(len(got), 80)], err, len(content), content[:min(len(content), 80)])
		}
	}
	for _, s := range l.Segments() {
		if mtime, err := s.ModTime(); err != nil || !mtime.Equal(mtimes[s.BaseOffset()]) {
			t.Errorf("segment %d was modified at %v (%v), not %v", s.BaseOffset(), mtime, err, mtimes[s.BaseOffset()])
		}
	}
	// The other two were cut later: their swap was completed at the load.
	for _, topic := range []string{"sw-swap", "sw-half"} {
		tp := model.TopicPartition{Topic: topic}
		l := g.open(t, tp)
		if got := content(t, l); !slices.Equal(got, g.want(tp)) {
			t.Errorf("%s: read %d records, not the %d that Kafka reads", topic, len(got), len(g.want(tp)))
		}
		if _, err := cleanOnce(l, 0, testLimits()); err != nil {
			t.Fatal(err)
		}
		if got := content(t, l); !slices.Equal(got, g.want(tp)) {
			t.Errorf("%s: read %d records after another cleaning, not %d", topic, len(got), len(g.want(tp)))
		}
	}
}
