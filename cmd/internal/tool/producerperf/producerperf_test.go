package producerperf

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
	"momus/cmd/internal/tool/tooltest"
)

func TestAFailureIsToldOnceAndCounted(t *testing.T) {
	var errs bytes.Buffer
	c := &core.Call{Env: &core.Env{Stderr: &errs}, Out: screen.NewOutput(io.Discard)}
	var f failures
	for range 250 {
		f.add(c, "no space left")
	}
	f.add(c, "another")
	f.sumUp(c)
	if got, want := errs.String(), "no space left\nanother\n250 messages were not sent: no space left\n"; got != want {
		t.Errorf("%q", got)
	}
}

func TestPerfSendsWhatItWasAskedFor(t *testing.T) {
	c := tooltest.NewCluster(t, 1, nil)
	for _, x := range []struct {
		args string
		code int
		out  string // the end of the last line's beginning
		err  string
	}{
		{args: "--topic a --num-records 500 --record-size 20 --throughput -1", out: "500 records sent, "},
		{args: "--topic a --num-records 3 --record-size 20 --throughput 1000 --print-metrics", out: "3 records sent, "},
		{args: "--topic a --num-records 20 --record-size 5 --throughput -1 --transaction-duration-ms 5", out: "20 records sent, "},
		{args: "--topic a --num-records 1 --record-size -1 --throughput -1", code: 1, err: "--record-size is negative: -1"},
		{args: "--topic a --num-records -5 --record-size 1 --throughput -1", code: 1, err: "--num-records is negative: -5"},
		{args: "--topic .. --num-records 2 --record-size 5 --throughput -1", out: "2 records sent, ", err: "org.apache.kafka.common.errors.InvalidTopicException: Invalid topics: [..]"},
	} {
		began := time.Now()
		code, out, errs := tooltest.Run(t, Tool(), &core.Env{Args: append(strings.Fields(x.args), "--producer-props", "bootstrap.servers="+c.Bootstrap[0])})
		if code != x.code || !strings.HasPrefix(out, x.out) || !strings.Contains(errs, x.err) || x.err == "" && strings.Contains(errs, "ERROR") {
			t.Errorf("%s: exit %d after %v\n%s%s", x.args, code, time.Since(began), out, errs)
		}
	}
}

func TestPayloadsAreSplitAsJavaSplits(t *testing.T) {
	for _, x := range []struct{ data, delimiter, want string }{
		{"a\nb\n\n", "", "a|b"},
		{"a\nb", `\n`, "a|b"},
		{"\na", "", "|a"},
		{"a\tb c", `\t`, "a|b c"}, // a regular expression, not two characters
		{"a1b22c", "[0-9]+", "a|b|c"},
		{"\n\n", "", ""}, // none: there was a panic when one was chosen
	} {
		list, err := splitPayloads([]byte(x.data), x.delimiter)
		if got := string(bytes.Join(list, []byte("|"))); got != x.want || err != nil {
			t.Errorf("%q at %q: %q %v", x.data, x.delimiter, got, err)
		}
	}
	if _, err := splitPayloads([]byte("a"), "("); err == nil {
		t.Error("an open bracket is no delimiter")
	}
	blank := filepath.Join(t.TempDir(), "blank")
	if err := os.WriteFile(blank, []byte("\n\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := tooltest.Run(t, Tool(), &core.Env{Args: []string{"--topic", "a", "--num-records", "1", "--throughput", "-1", "--payload-file", blank, "--producer-props", "bootstrap.servers=localhost:1"}})
	if code != 1 || !strings.Contains(out, "Number of messages read: 0") || !strings.Contains(errs, "bound must be positive") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}
