package tool

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/tooltest"
	recorded "momus/integration/tools"
	"momus/internal/shellwords"
)

// TestTranscriptsInThisProcess replays recordings of the released tools against brokers in the
// test's own process. The whole of them, with those that signal, wait or stop brokers, is replayed
// with the program itself by integration/tools (build tag transcripts).
func TestTranscriptsInThisProcess(t *testing.T) {
	for _, x := range []struct {
		name string
		skip []string          // steps that want what is not here
		make map[string]string // command lines that a step expects to have been run before it
	}{
		{name: "kafka-topics", skip: []string{"err-assign-unknown-broker", "err-unreachable-zk", "zk-list-exclude-internal"}, // these take half a minute
			make: map[string]string{"list-with-internal": "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic extra --timeout-ms 1500"}},
		{name: "kafka-get-offsets"},
		{name: "kafka-leader-election"},
		{name: "option-parsing", make: map[string]string{"single-dash": "kafka-topics.sh --bootstrap-server localhost:9092 --create --topic quirk --partitions 1 --replication-factor 1"}},
		{name: "kafka-dump-log"},
		{name: "zookeeper-shell", skip: []string{"get-id", "no-args"}}, // the recorded cluster's, and the recorded path
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			steps, err := recorded.Load("../../../integration/tools/testdata/" + x.name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			r := newTranscript(t)
			for _, s := range steps {
				if first := x.make[s.ID]; first != "" {
					r.run(t, shellwords.Split(first), nil)
				}
				if !slices.Contains(x.skip, s.ID) {
					r.step(t, s)
				}
			}
		})
	}
}

// transcript is a replay in a directory of its own; the tools run one after the other in this
// process, so the directory is part of the words of their command lines.
type transcript struct {
	dir         string
	there, back *strings.Replacer
}

func newTranscript(t *testing.T) *transcript {
	t.Helper()
	c := tooltest.NewCluster(t, 3, map[string]string{"offsets.topic.replication.factor": "1"})
	r := &transcript{dir: t.TempDir()}
	var local []string
	for _, b := range c.Bootstrap {
		local = append(local, strings.Replace(b, "127.0.0.1", "localhost", 1))
	}
	zookeeper := strings.Replace(c.ZooKeeper, "127.0.0.1", "localhost", 1)
	list := strings.Join(local, ",")
	there := []string{"localhost:2181", zookeeper, "localhost:9092", list}
	back := []string{zookeeper, "localhost:2181", list, "localhost:9092"}
	for i, b := range local {
		port, name := b[strings.IndexByte(b, ':'):], "localhost:"+strconv.Itoa(9092+i)
		if i > 0 {
			there = append(there, name, b)
		}
		back = append(back, b, name, "127.0.0.1"+port, "127.0.0.1:"+strconv.Itoa(9092+i))
	}
	r.there, r.back = strings.NewReplacer(there...), strings.NewReplacer(back...)
	fixtures, err := filepath.Abs("../../../integration/tools/testdata/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(fixtures, filepath.Join(r.dir, "fixtures")); err != nil {
		t.Fatal(err)
	}
	return r
}

// step runs one command line and compares its answer. What only looks may look again for a while:
// the recorded cluster had seconds to settle while Java started.
func (r *transcript) step(t *testing.T, s *recorded.Step) {
	t.Helper()
	for name, text := range s.Files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(r.there.Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	words := shellwords.Split(s.Cmd)
	if s.Background != "" || s.Stop != "" || s.Signal != "" || len(words) == 0 || words[0] == "env" {
		return
	}
	end := time.Now().Add(max(time.Duration(s.RetryMs)*time.Millisecond, 5*time.Second))
	for {
		code, out, errs := r.run(t, words, s.Stdin)
		var what []string
		if code != s.Exit {
			what = append(what, "exit code")
		}
		if !recorded.Same(s.Compare, s.Stdout, out) {
			what = append(what, "stdout")
		}
		if !recorded.SameErrors(s.Stderr, errs) {
			what = append(what, "stderr")
		}
		if len(what) == 0 {
			return
		}
		looks := slices.ContainsFunc([]string{"--describe", "--list", "--verify", "GetOffsetShell"}, func(w string) bool { return strings.Contains(s.Cmd, w) })
		if !looks && s.RetryMs == 0 || !time.Now().Before(end) {
			t.Errorf("%s: %s differ\n%s\n--- recorded, exit %d\n%s--- printed, exit %d\n%s--- recorded on stderr\n%s--- printed on stderr\n%s", s.ID,
				strings.Join(what, ", "), s.Cmd, s.Exit, s.Stdout, code, out, s.Stderr, errs)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *transcript) run(t *testing.T, words []string, stdin *string) (code int, out, errs string) {
	t.Helper()
	name := strings.TrimSuffix(words[0], ".sh")
	i := slices.IndexFunc(Tools(), func(x Tool) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("there is no tool %s", name)
	}
	var args []string
	for _, w := range words[1:] {
		for _, part := range strings.Split(w, ",") { // files of the replay's directory, by their names
			if _, err := os.Lstat(filepath.Join(r.dir, part)); part != "" && err == nil && !strings.HasPrefix(part, "/") {
				w = strings.Replace(w, part, filepath.Join(r.dir, part), 1)
			}
		}
		args = append(args, r.there.Replace(w))
	}
	e := &Env{Args: args, Program: words[0], Stdin: strings.NewReader(""), Getenv: func(string) string { return "" }}
	if stdin != nil {
		e.Stdin = strings.NewReader(*stdin)
	}
	var o, x bytes.Buffer
	e.Stdout, e.Stderr = &o, &x
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code = Tools()[i].Run(ctx, e)
	plain := func(s string) string { return r.back.Replace(strings.ReplaceAll(s, r.dir+"/", "")) }
	return code, plain(o.String()), plain(x.String())
}
