package shardtest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// Args reads the arguments of a command of a transcript; a value that cannot be read ends the test.
type Args struct {
	T testing.TB
	D *datadriven.TestData
}

// Has reports whether an argument is there.
func (a Args) Has(key string) bool { return a.D.HasArg(key) }

// List is all values of an argument, nil without it.
func (a Args) List(key string) []string {
	for _, c := range a.D.CmdArgs {
		if c.Key == key {
			return c.Vals
		}
	}
	return nil
}

// Str is the value of an argument, or otherwise.
func (a Args) Str(key, otherwise string) string {
	if vals := a.List(key); len(vals) > 0 {
		return vals[0]
	}
	return otherwise
}

// Ptr is the value of an argument, nil without it.
func (a Args) Ptr(key string) *string {
	if vals := a.List(key); len(vals) > 0 {
		return &vals[0]
	}
	return nil
}

// Num is a number, or otherwise.
func (a Args) Num(key string, otherwise int64) int64 {
	s := a.Str(key, "")
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		a.T.Fatalf("%s: %v", a.D.Pos, err)
	}
	return n
}

// First is the duration that stands behind the command itself: advance 3s.
func (a Args) First() time.Duration {
	d, err := time.ParseDuration(a.D.CmdArgs[0].Key)
	if err != nil {
		a.T.Fatalf("%s: %v", a.D.Pos, err)
	}
	return d
}

// Partitions reads values like t-0.
func (a Args) Partitions(vals []string) []model.TopicPartition {
	var tps []model.TopicPartition
	for _, v := range vals {
		tp, err := model.ParseTopicPartition(v)
		if err != nil {
			a.T.Fatalf("%s: %v", a.D.Pos, err)
		}
		tps = append(tps, tp)
	}
	return tps
}

// Err is the error of a name, nil for none.
func (a Args) Err(name string) *kerr.Error {
	if name == "" {
		return nil
	}
	for code := int16(-1); code < 100; code++ {
		if e := kerr.ForCode(code); e != nil && e.Name == name {
			return e
		}
	}
	a.T.Fatalf("%s: no error is called %s", a.D.Pos, name)
	return nil
}

// Transcripts runs those of a package, in testdata/transcripts: begin makes the world of a file, in
// which run carries out its commands.
func Transcripts[W interface{ under(testing.TB) }](t *testing.T, begin func(t testing.TB) W, run func(w W, d *datadriven.TestData) string) {
	files, err := filepath.Glob("testdata/transcripts/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			w := begin(t)
			datadriven.RunTest(t, f, func(t *testing.T, d *datadriven.TestData) string {
				w.under(t)
				return run(w, d)
			})
		})
	}
}

// Recorded reads the batches of a log that Apache Kafka 2.5.0 wrote, in testdata/golden.
func Recorded(t testing.TB, name string) []record.Batch {
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
