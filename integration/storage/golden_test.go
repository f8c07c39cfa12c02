package storage

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"momus/integration/testkit"
	"momus/internal/testbase"
)

// recorded is when the golden directories were written: what expires by time would be gone with
// today's clock.
var recorded = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

// clock goes on from the time of the recording.
func clock() func() time.Time {
	start := time.Now()
	return func() time.Time { return recorded.Add(time.Since(start)) }
}

// golden is a case: the log directories of real brokers that had stopped, what the real brokers
// serve from them after a start, and the files that they leave after a clean stop.
type golden struct {
	Case       string
	Stop       string
	Compare    map[string]string // topic → prefix (more may follow the listed records) or skip
	ZK         map[string]string // persistent znodes
	Partitions map[string]*goldenPartition
	Brokers    map[string]struct {
		LogDirs         []string          `json:"log_dirs"`
		ExtraProperties map[string]string `json:"extra_properties"`
	}
	After struct {
		Files map[string]struct {
			Size   int64
			SHA256 string
		}
		TextFiles map[string]string `json:"text_files"`
	} `json:"after_restart_and_clean_stop"`
	dir string
}

type goldenPartition struct {
	Records          []goldenRecord
	CommittedRuns    [][2]int64 `json:"committed_runs"`
	LogStartOffset   int64      `json:"log_start_offset"`
	HighWatermark    int64      `json:"high_watermark"`
	LastStableOffset int64      `json:"last_stable_offset"`
}

// TestGoldenDirectoriesAreServedAndLeftAsKafkaDoes starts brokers on the directories of real ones,
// compares all that a consumer can see, stops them, and compares the files. MOMUS_GOLDEN may name a
// directory with more cases.
func TestGoldenDirectoriesAreServedAndLeftAsKafkaDoes(t *testing.T) {
	for _, path := range testbase.Cases(t, "testdata/golden/*.tar.zst", "MOMUS_GOLDEN") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".tar.zst"), func(t *testing.T) {
			t.Parallel()
			g := unpack(t, path)
			zookeeper := startZooKeeper(t, g.ZK)
			var nodes []*node
			for _, id := range slices.Sorted(maps.Keys(g.Brokers)) {
				nodes = append(nodes, start(t, g.properties(id, zookeeper), nil, clock()))
				waitController(t, nodes[0].addr()) // the first one, as when recorded: who it is decides on leader epochs
			}
			var addrs []string
			for _, n := range nodes {
				addrs = append(addrs, n.addr())
			}
			waitInSync(t, strings.Join(addrs, ","))
			g.compareServed(t, strings.Join(addrs, ","))
			for _, n := range slices.Backward(nodes) { // the last one first, as when recorded
				n.stop(t)
			}
			g.compareFiles(t)
		})
	}
}

// properties are what the recording's broker was started with: nothing expires, nothing is cleaned.
func (g *golden) properties(id, zookeeper string) map[string]string {
	b := g.Brokers[id]
	var dirs []string
	for _, d := range b.LogDirs {
		dirs = append(dirs, filepath.Join(g.dir, d))
	}
	p := map[string]string{
		"broker.id": id, "log.dirs": strings.Join(dirs, ","), "zookeeper.connect": zookeeper, "log.retention.ms": "-1",
		"offsets.retention.minutes": "2147483647", "transactional.id.expiration.ms": "2147483647", "transaction.max.timeout.ms": "2147483647",
		"auto.create.topics.enable": "false", "controlled.shutdown.retry.backoff.ms": "100",
	}
	maps.Copy(p, b.ExtraProperties)
	return p
}

// unpack writes the directories of a case into a new one, with their modification times.
func unpack(t testing.TB, path string) *golden {
	t.Helper()
	g := &golden{dir: t.TempDir()}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(g.dir, filepath.FromSlash(h.Name))
		switch {
		case h.Typeflag == tar.TypeDir:
			err = os.MkdirAll(name, 0o755)
		case filepath.Base(name) == "case.json":
			err = json.NewDecoder(r).Decode(g)
		default:
			err = unpackFile(r, name, h)
		}
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	}
}

func unpackFile(r io.Reader, name string, h *tar.Header) error {
	content, err := io.ReadAll(r)
	if err == nil {
		err = os.WriteFile(name, content, 0o644)
	}
	if err != nil {
		return err
	}
	return os.Chtimes(name, h.ModTime, h.ModTime)
}

// compareFiles compares all files with those that the real broker left: bytes of .log, .index and
// .txnindex, sizes of .timeindex and .snapshot (what these hold differs legitimately), lines of the
// checkpoints.
func (g *golden) compareFiles(t *testing.T) {
	names := map[string]bool{}
	for f := range g.After.Files {
		names[f] = true
	}
	err := filepath.WalkDir(g.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(g.dir, path)
			names[filepath.ToSlash(rel)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Sorted(maps.Keys(names)) {
		if g.differsLegitimately(f) {
			continue
		}
		want, wanted := g.After.Files[f]
		content, err := os.ReadFile(filepath.Join(g.dir, f))
		switch {
		case err != nil:
			t.Errorf("%s is missing", f)
		case !wanted:
			t.Errorf("%s is there, the real broker leaves none", f)
		case strings.HasSuffix(f, "-checkpoint"):
			if got, want := g.lines(string(content)), g.lines(g.After.TextFiles[f]); !slices.Equal(got, want) {
				t.Errorf("%s: %q, not %q", f, got, want)
			}
		case hasSuffix(f, ".log", ".index", ".txnindex", ".timeindex", ".snapshot") && int64(len(content)) != want.Size:
			t.Errorf("%s: %d bytes, not %d", f, len(content), want.Size)
		case hasSuffix(f, ".log", ".index", ".txnindex") && sum(content) != want.SHA256:
			t.Errorf("%s: other bytes of the same number", f)
		}
	}
}

// differsLegitimately tells which files are not compared: those of topics that brokers write to by
// themselves or that a running load had written to, those of directories that come and go while a
// broker runs, and those that wait for their removal.
func (g *golden) differsLegitimately(f string) bool {
	dir := filepath.Base(filepath.Dir(f))
	topic := dir
	if i := strings.LastIndexByte(dir, '-'); i >= 0 {
		topic = dir[:i]
	}
	return strings.HasPrefix(dir, "__") || g.Compare[topic] != "" || hasSuffix(dir, "-delete", "-future") || hasSuffix(f, ".deleted", ".tmp", "cleaner-offset-checkpoint")
}

// lines are the entries of a checkpoint in order, but for topics that are not compared.
func (g *golden) lines(text string) []string {
	var kept []string
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		topic, _, _ := strings.Cut(line, " ")
		if i >= 2 && !strings.HasPrefix(line, "__") && g.Compare[topic] == "" {
			kept = append(kept, line)
		}
	}
	slices.Sort(kept)
	return kept
}

func hasSuffix(s string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(s, suffix) })
}

// waitController waits until the cluster has a controller.
func waitController(t testing.TB, bootstrap string) {
	t.Helper()
	adm := testkit.Admin(t, bootstrap)
	testkit.Eventually(t, 20*time.Second, "there is a controller", func() bool {
		m, err := adm.BrokerMetadata(context.Background())
		return err == nil && m.Controller >= 0
	})
}

// waitInSync waits until every partition has all its replicas in sync: brokers that stop tell each
// other only then.
func waitInSync(t testing.TB, bootstrap string) {
	t.Helper()
	adm := testkit.Admin(t, bootstrap)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	testkit.Eventually(t, 40*time.Second, "all replicas are in sync", func() bool {
		m, err := adm.Metadata(ctx)
		if err != nil || len(m.Topics) == 0 {
			return false
		}
		for _, topic := range m.Topics {
			for _, p := range topic.Partitions {
				if p.Err != nil || len(p.ISR) != len(p.Replicas) {
					return false
				}
			}
		}
		return true
	})
}
