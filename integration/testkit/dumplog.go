package testkit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// DumpLogs lets Apache Kafka's DumpLogSegments check the segments of a log directory and every
// index against its log. In compacted logs offsets may have gaps: patterns (of partition
// directories) in compacted name them.
func DumpLogs(t testing.TB, dir string, compacted ...string) {
	t.Helper()
	isCompacted := func(partition string) bool {
		for _, pattern := range compacted {
			if ok, _ := filepath.Match(pattern, partition); ok {
				return true
			}
		}
		return false
	}
	var files, gapped []string
	for _, pattern := range []string{"*/*.index", "*/*.timeindex", "*/*.log"} {
		fs, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			switch st, err := os.Stat(f); {
			// Directories of deleted partitions vanish while they are read.
			case err != nil || st.Size() == 0 || strings.HasSuffix(filepath.Dir(f), "-delete"):
			case isCompacted(filepath.Base(filepath.Dir(f))):
				gapped = append(gapped, f)
			default:
				files = append(files, f)
			}
		}
	}
	if len(files) == 0 {
		t.Fatal("no files to check in ", dir)
	}
	// The words of 2.5's DumpLogSegments for what it finds wrong; its exit code is 0 all the same.
	bad := []string{"Mismatches", "timestamp mismatch", "out of order timestamp", "isvalid: false", "Exception"}
	dumpFiles(t, files, append(bad, "Non-consecutive"))
	if len(gapped) > 0 {
		dumpFiles(t, gapped, bad)
	}
}

// dumpFiles lets Kafka's own tool read the files; none of the bad texts may be in what it says.
func dumpFiles(t testing.TB, files, bad []string) {
	t.Helper()
	out := Run(t, 3*time.Minute, Spec{Args: Java(t, "kafka", "kafka.tools.DumpLogSegments", "--deep-iteration", "--files", strings.Join(files, ","))})
	for _, b := range bad {
		// With what stands around it: the output is as long as the logs.
		if i := strings.Index(out, b); i >= 0 {
			t.Errorf("DumpLogSegments says %q:\n%s", b, out[max(0, i-300):min(len(out), i+3000)])
		}
	}
}
