package checkpoint

import (
	"errors"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"momus/internal/model"
	"momus/storage/vfs"
)

func TestOffsetsAreReadBack(t *testing.T) {
	f := vfs.NewMem()
	want := map[model.TopicPartition]int64{{Topic: "b", Partition: 0}: 7, {Topic: "a", Partition: 10}: 0, {Topic: "a", Partition: 2}: 1 << 60}
	if err := WriteOffsets(f, "/c", want); err != nil {
		t.Fatal(err)
	}
	content, _ := vfs.ReadFile(f, "/c")
	if text := "0\n3\na 2 1152921504606846976\na 10 0\nb 0 7\n"; string(content) != text {
		t.Fatalf("wrote %q, not %q", content, text)
	}
	got, err := ReadOffsets(f, "/c")
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("read %v, %v", got, err)
	}
	if got, err := ReadOffsets(f, "/missing"); err != nil || len(got) != 0 {
		t.Fatalf("missing file: %v, %v", got, err)
	}
}

// TestWriteSurvivesCrash cuts a rewrite at every call: the old or the new content is there, never
// anything else.
func TestWriteSurvivesCrash(t *testing.T) {
	old := map[model.TopicPartition]int64{{Topic: "a", Partition: 0}: 1}
	updated := map[model.TopicPartition]int64{{Topic: "a", Partition: 0}: 2}
	for n := 0; ; n++ {
		mem := vfs.NewMem()
		if err := WriteOffsets(mem, "/c", old); err != nil {
			t.Fatal(err)
		}
		mem.SyncDir("/")
		fault := vfs.NewFault(mem)
		fault.Inject(vfs.Rule{Skip: n, Err: os.ErrInvalid, Short: 3})
		writeErr := WriteOffsets(fault, "/c", updated)
		for _, crashed := range []*vfs.Mem{mem.KillClone(), mem.CrashClone(nil)} {
			got, err := ReadOffsets(crashed, "/c")
			if err != nil || !maps.Equal(got, old) && !maps.Equal(got, updated) {
				t.Fatalf("cut at call %d: %v, %v", n, got, err)
			}
		}
		if writeErr == nil {
			break
		}
	}
}

func TestMalformedOffsets(t *testing.T) {
	for content, line := range map[string]int{
		"":                                 -1,
		"0\n":                              -1,
		"0":                                -1,
		"0\n0\n":                           -1,
		"0\n1\na\t 0  5\n":                 -1,
		"1\n0\n":                           1,
		"x\n0\n":                           1,
		"0\nx\n":                           2,
		"0\n2\na 0 5\n":                    2,
		"0\n1\na 0 5\na 1 5\n":             2,
		"0\n1\na 0\n":                      3,
		"0\n1\na 0 5 6\n":                  3,
		"0\n1\na x 5\n":                    3,
		"0\n1\na 0 99999999999999999999\n": 3,
	} {
		f := vfs.NewMem()
		write(t, f, "/c", content)
		_, err := ReadOffsets(f, "/c")
		var format *FormatError
		switch {
		case line < 0 && err != nil:
			t.Errorf("%q: %v", content, err)
		case line >= 0 && (!errors.As(err, &format) || format.Line != line || format.Fatal):
			t.Errorf("%q: %v, want an error in line %d", content, err, line)
		}
	}
}

func TestEpochsAreReadBack(t *testing.T) {
	f := vfs.NewMem()
	want := []Epoch{{0, 0}, {3, 17}}
	if err := WriteEpochs(f, "/e", want, true); err != nil {
		t.Fatal(err)
	}
	if content, _ := vfs.ReadFile(f, "/e"); string(content) != "0\n2\n0 0\n3 17\n" {
		t.Fatalf("wrote %q", content)
	}
	if got, err := ReadEpochs(f, "/e"); err != nil || !slices.Equal(got, want) {
		t.Fatalf("read %v, %v", got, err)
	}
	write(t, f, "/e", "0\n1\n0\n")
	var format *FormatError
	if _, err := ReadEpochs(f, "/e"); !errors.As(err, &format) || !format.Fatal {
		t.Fatalf("malformed: %v", err)
	}
}

func TestMetaIsReadBack(t *testing.T) {
	f := vfs.NewMem()
	if _, found, err := ReadMeta(f, "/"); found || err != nil {
		t.Fatalf("missing: %v, %v", found, err)
	}
	want := Meta{BrokerID: 1, ClusterID: "QYCWq2BcSeeLZLSOqxpZsQ"}
	now := time.Date(2026, 11, 22, 17, 36, 49, 0, time.UTC)
	if err := WriteMeta(f, "/", want, now); err != nil {
		t.Fatal(err)
	}
	content, _ := vfs.ReadFile(f, "/meta.properties")
	if text := "#\n#Sun Nov 22 17:36:49 UTC 2026\nbroker.id=1\nversion=0\ncluster.id=QYCWq2BcSeeLZLSOqxpZsQ\n"; string(content) != text {
		t.Fatalf("wrote %q", content)
	}
	write(t, f, "/meta.properties.tmp", "left over")
	if got, found, err := ReadMeta(f, "/"); err != nil || !found || got != want {
		t.Fatalf("read %v, %v, %v", got, found, err)
	}
	if vfs.Exists(f, "/meta.properties.tmp") {
		t.Fatal("the temporary file is still there")
	}
}

func TestMetaSyntax(t *testing.T) {
	for content, want := range map[string]any{
		"! c\nversion : 0\nbroker.id 7\n":               Meta{BrokerID: 7},
		"version=0\nbroker.id=7\ncluster.id=\\u0061b\n": Meta{BrokerID: 7, ClusterID: "ab"},
		"version=1\nbroker.id=7\n":                      false,
		"version=0\n":                                   true,
		"version=0\nbroker.id=-1\n":                     true,
		"version=0\nbroker.id=x\n":                      true,
		"broker.id=1\n":                                 true,
	} {
		f := vfs.NewMem()
		write(t, f, "/meta.properties", content)
		got, _, err := ReadMeta(f, "/")
		var format *FormatError
		switch want := want.(type) {
		case Meta:
			if err != nil || got != want {
				t.Errorf("%q: %v, %v", content, got, err)
			}
		case bool:
			if !errors.As(err, &format) || format.Fatal != want {
				t.Errorf("%q: %v, want fatal %v", content, err, want)
			}
		}
	}
}

func TestCleanShutdownMarker(t *testing.T) {
	f := vfs.NewMem()
	check := func(want bool) {
		t.Helper()
		if has, err := HasCleanShutdown(f, "/"); has != want || err != nil {
			t.Fatalf("has marker: %v, %v", has, err)
		}
	}
	check(false)
	if err := WriteCleanShutdown(f, "/"); err != nil {
		t.Fatal(err)
	}
	check(true)
	for range 2 {
		if err := RemoveCleanShutdown(f, "/"); err != nil {
			t.Fatal(err)
		}
		check(false)
	}
}

// A process that is killed right after it has removed the marker leaves it to the next one to make
// that durable.
func TestCleanShutdownMarkerStaysAway(t *testing.T) {
	f := vfs.NewMem()
	if err := WriteCleanShutdown(f, "/"); err != nil {
		t.Fatal(err)
	}
	if err := f.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove("/" + CleanShutdownFile); err != nil {
		t.Fatal(err)
	}
	if err := RemoveCleanShutdown(f, "/"); err != nil {
		t.Fatal(err)
	}
	if is, err := HasCleanShutdown(f.CrashClone(nil), "/"); is || err != nil {
		t.Errorf("the marker is back: %v, %v", is, err)
	}
}

func write(t *testing.T, f vfs.FS, name, content string) {
	t.Helper()
	file, err := vfs.Create(f, name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
}

func FuzzOffsets(f *testing.F) {
	f.Add([]byte("0\n1\na 0 5\n"))
	f.Add([]byte("0\n0\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		parseOffsets("c", content, map[model.TopicPartition]int64{})
		parseEpochs("e", content)
	})
}

func FuzzMeta(f *testing.F) {
	f.Add([]byte("#\nbroker.id=1\nversion=0\ncluster.id=x\n"))
	f.Fuzz(func(t *testing.T, content []byte) { parseMeta("m", content) })
}
