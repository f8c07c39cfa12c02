//go:build interop

package tools

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// longLived are the tools of one kind, native or Java's, that run side by side on one cluster
// through the same faults, each kind on topics of its own.
type longLived struct {
	kind string
	argv func(tool string, args ...string) []string // the command line of a tool

	readers, writers map[string]*testkit.Process // by what they do
	measured         *testkit.Process            // the consumer-perf-test, which ends by itself
	typed            int                         // lines
}

func bothKinds(t *testing.T) []*longLived {
	binary := testkit.Binary(t)
	classes := map[string]string{"console-producer": "kafka.tools.ConsoleProducer", "console-consumer": "kafka.tools.ConsoleConsumer",
		"verifiable-producer": "org.apache.kafka.tools.VerifiableProducer", "verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
		"producer-perf-test": "org.apache.kafka.tools.ProducerPerformance", "consumer-perf-test": "kafka.tools.ConsumerPerformance", "mirror-maker": "kafka.tools.MirrorMaker"}
	return []*longLived{
		{kind: "java", argv: func(tool string, args ...string) []string { return testkit.Java(t, "kafka", classes[tool], args...) }},
		{kind: "native", argv: func(tool string, args ...string) []string { return append([]string{binary, tool}, args...) }},
	}
}

func (l *longLived) topic(name string) string { return name + "-" + l.kind }

func (l *longLived) start(t *testing.T, what, tool string, args ...string) *testkit.Process {
	t.Helper()
	return testkit.Start(t, l.kind+" "+what, testkit.Spec{Args: l.argv(tool, args...)})
}

// perfMessages is how many messages the performance tests send and read.
const perfMessages = 10000

// startAll starts a pair of console tools, a pair of verifiable ones, a pair of performance tests, a
// mirror of what the console tools write and a consumer of a topic that will be deleted.
func (l *longLived) startAll(t *testing.T, bootstrap, target string) {
	l.readers, l.writers = map[string]*testkit.Process{}, map[string]*testkit.Process{}
	consumer := func(topic string) []string {
		return []string{"--bootstrap-server", bootstrap, "--topic", l.topic(topic), "--group", l.topic(topic), "--from-beginning"}
	}
	l.readers["console"] = l.start(t, "console-consumer", "console-consumer", consumer("console")...)
	l.readers["doomed"] = l.start(t, "console-consumer of a doomed topic", "console-consumer", append(consumer("doomed"), "--consumer-property", "metadata.max.age.ms=1000")...)
	l.readers["verify"] = l.start(t, "verifiable-consumer", "verifiable-consumer", "--bootstrap-server", bootstrap, "--topic", l.topic("verify"), "--group-id", l.topic("verify"),
		"--verbose", "--reset-policy", "earliest")
	l.writers["console"] = l.start(t, "console-producer", "console-producer", "--broker-list", bootstrap, "--topic", l.topic("console"), "--request-required-acks", "all")
	l.writers["verify"] = l.start(t, "verifiable-producer", "verifiable-producer", "--bootstrap-server", bootstrap, "--topic", l.topic("verify"), "--throughput", "100")
	l.writers["perf"] = l.start(t, "producer-perf-test", "producer-perf-test", "--topic", l.topic("perf"), "--throughput", "200", "--num-records", fmt.Sprint(perfMessages), "--record-size", "50",
		"--producer-props", "bootstrap.servers="+bootstrap, "acks=all")
	l.measured = l.start(t, "consumer-perf-test", "consumer-perf-test", "--broker-list", bootstrap, "--topic", l.topic("perf"), "--messages", fmt.Sprint(perfMessages), "--timeout", "120000")
	l.readers["mirror"] = l.mirror(t, "mirror-maker", bootstrap, target)
}

// mirror starts a mirror of the lines of the console tools, in one group with the others.
func (l *longLived) mirror(t *testing.T, what, bootstrap, target string) *testkit.Process {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return l.start(t, what, "mirror-maker", "--whitelist", l.topic("console"), "--offset.commit.interval.ms", "1000",
		"--consumer.config", file("consumer.properties", "bootstrap.servers="+bootstrap, "group.id="+l.topic("mirror"), "auto.offset.reset=earliest", "session.timeout.ms=6000"),
		"--producer.config", file("producer.properties", "bootstrap.servers="+target))
}

// awaitMirrored waits until the other cluster has every line that was typed.
func (l *longLived) awaitMirrored(t *testing.T, target string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(target), kgo.ConsumeTopics(l.topic("console")), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	got, printed := map[string]bool{}, 0
	for len(got) < l.typed && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			got[string(r.Value)] = true
			printed++
		})
	}
	for i := range l.typed {
		if line := fmt.Sprint("line-", i); !got[line] {
			t.Fatalf("%s: %s is not in the mirror, which has %d of %d", l.kind, line, len(got), l.typed)
		}
	}
	t.Logf("%s: all %d lines are in the mirror, %d times together", l.kind, l.typed, printed)
}

func (l *longLived) write(t *testing.T, n int) {
	t.Helper()
	for range n {
		l.writers["console"].Type(t, fmt.Sprintf("line-%d\n", l.typed))
		l.typed++
	}
}

var consoleLine = regexp.MustCompile(`(?m)^>*line-(\d+)$`)

func (l *longLived) consumed(reader string) (out []string) {
	for _, m := range consoleLine.FindAllStringSubmatch(l.readers[reader].Output(), -1) {
		out = append(out, m[1])
	}
	return out
}

func (l *longLived) awaitLines(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, fmt.Sprintf("%s: %d lines are consumed", l.kind, l.typed), func() bool {
		return len(slices.Compact(slices.Sorted(slices.Values(l.consumed("console"))))) >= l.typed
	})
}

// acknowledged and received are the values that the verifiable tools report.
func (l *longLived) acknowledged() map[string]bool {
	return values(l.writers["verify"].Output(), "producer_send_success")
}

func values(output, event string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(output) {
		if m := value.FindStringSubmatch(line); m != nil && strings.Contains(line, `"name":"`+event+`"`) {
			out[m[1]] = true
		}
	}
	return out
}

var value = regexp.MustCompile(`"value":"([^"]+)"`)

// kinds counts the lines of a log by what they say, with numbers and names left out.
func kinds(output string) map[string]int {
	out := map[string]int{}
	for line := range strings.Lines(output) {
		m := logLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		out[m[1]+" "+numbers.ReplaceAllString(m[2], "#")]++
	}
	return out
}

var (
	logLine = regexp.MustCompile(`^\[[^\]]*\] (WARN|ERROR) (?:\[[^\]]*\] )?(.{0,70})`)
	numbers = regexp.MustCompile(`(native|java|[0-9]+)`)
)

// TestLongLivedToolsBesideJava has the native tools and Java's go through restarts, failovers, a
// growing topic, a topic that is deleted and made again, members of a group that come and die, and
// mirrors that take over from each other.
// What Java's tools bring through, the native ones bring through.
func TestLongLivedToolsBesideJava(t *testing.T) {
	zookeeper := testkit.Coordination(t)
	var brokers []*testkit.Cluster
	for id := 1; id <= 3; id++ {
		brokers = append(brokers, testkit.Broker(t, id, zookeeper, append(smallSettings(), "offsets.topic.replication.factor=3", "auto.create.topics.enable=false",
			"controlled.shutdown.retry.backoff.ms=500", "min.insync.replicas=1")...))
	}
	testkit.WaitBrokers(t, brokers, 3)
	bootstrap, limit := testkit.Bootstrap(brokers), time.Minute
	adm := testkit.Admin(t, bootstrap)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	// The topics of both kinds are led by the same brokers, so that each fault is one for both.
	replicas := map[string]string{"console": "1:2:3", "verify": "2:3:1", "doomed": "3:1:2", "perf": "1:3:2"}
	create := func(l *longLived, name string) {
		t.Helper()
		testkit.Eventually(t, limit, l.topic(name)+" is made", func() bool {
			_, err := testkit.TryRun(limit, testkit.Spec{Args: []string{testkit.Binary(t), "topics", "--bootstrap-server", bootstrap, "--create", "--topic", l.topic(name), "--replica-assignment", replicas[name]}})
			return err == nil
		})
	}
	all := bothKinds(t)
	each := func(f func(l *longLived)) {
		for _, l := range all {
			f(l)
		}
	}
	target := testkit.Quickstart(t, 1, "--http-port", "-1")
	each(func(l *longLived) {
		for _, topic := range []string{"console", "verify", "doomed", "perf"} {
			create(l, topic)
		}
		l.startAll(t, bootstrap, target.Bootstrap)
	})
	progress := func() {
		t.Helper()
		each(func(l *longLived) { l.write(t, 20) })
		each(func(l *longLived) { l.awaitLines(t) })
	}
	progress()
	fault := func(name string, f func()) {
		t.Helper()
		began := time.Now()
		each(func(l *longLived) { l.write(t, 10) })
		f()
		each(func(l *longLived) { l.write(t, 10) })
		var took []string
		each(func(l *longLived) {
			l.awaitLines(t)
			took = append(took, fmt.Sprintf("%s %.1fs", l.kind, time.Since(began).Seconds()))
		})
		testkit.WaitWholeISR(t, brokers, limit)
		progress()
		t.Logf("%s: all lines there after %s", name, strings.Join(took, ", "))
	}
	leader := func(topic string) *testkit.Cluster { return brokers[testkit.Leader(t, bootstrap, topic, 0)-1] }
	// Before the leaders change: Java's consumer never takes up a new topic whose leader epoch is below
	// that of the old one (KAFKA-12257).
	fault("a topic is deleted and made again", func() {
		each(func(l *longLived) {
			produce(t, bootstrap, l.topic("doomed"), "line-1")
			testkit.Eventually(t, limit, l.kind+": the first topic is read", func() bool { return slices.Equal(l.consumed("doomed"), []string{"1"}) })
			if _, err := adm.DeleteTopic(ctx, l.topic("doomed")); err != nil {
				t.Fatal(err)
			}
			create(l, "doomed")
			for _, line := range []string{"line-2", "line-3", "line-4"} {
				produce(t, bootstrap, l.topic("doomed"), line)
			}
		})
		// Java's consumer may go on at its old offset, and so pass over the first line.
		each(func(l *longLived) {
			testkit.Eventually(t, limit, l.kind+": the second topic is read", func() bool { return slices.Contains(l.consumed("doomed"), "4") })
			t.Logf("%s: of a topic that was made again: %v", l.kind, l.consumed("doomed"))
		})
	})
	fault("a clean restart of each broker", func() {
		for _, b := range brokers {
			b.Process.Stop(t, limit)
			b.Restart(t)
			testkit.WaitWholeISR(t, brokers, limit)
		}
	})
	for _, l := range all {
		fault("the leader of "+l.topic("console")+" is killed", func() {
			b := leader(l.topic("console"))
			b.Process.Kill()
			l.awaitLines(t)
			b.Restart(t)
		})
	}
	fault("the controller is killed", func() {
		b := brokers[testkit.Controller(t, bootstrap)-1]
		b.Process.Kill()
		b.Restart(t)
	})
	fault("partitions are added", func() {
		each(func(l *longLived) {
			if resp, err := adm.UpdatePartitions(ctx, 4, l.topic("verify")); err != nil || resp.Error() != nil {
				t.Fatal(err, resp.Error())
			}
		})
	})
	fault("a member joins, and is killed", func() {
		each(func(l *longLived) {
			second := l.start(t, "second verifiable-consumer", "verifiable-consumer", "--bootstrap-server", bootstrap, "--topic", l.topic("verify"), "--group-id", l.topic("verify"),
				"--verbose", "--reset-policy", "earliest", "--session-timeout", "6000")
			testkit.Eventually(t, limit, l.kind+": the second member has partitions", func() bool { return strings.Contains(second.Output(), "partitions_assigned") })
			l.readers["second"] = second
		})
		each(func(l *longLived) { l.readers["second"].Kill() })
	})
	// The one that is killed may be the one that has the partition.
	fault("a mirror joins, and the first is killed", func() {
		each(func(l *longLived) {
			first := l.readers["mirror"]
			l.readers["mirror"] = l.mirror(t, "second mirror-maker", bootstrap, target.Bootstrap)
			testkit.Eventually(t, limit, l.kind+": the group of the mirrors has two members", func() bool {
				groups, err := adm.DescribeGroups(ctx, l.topic("mirror"))
				return err == nil && len(groups[l.topic("mirror")].Members) == 2
			})
			first.Kill()
		})
	})

	each(func(l *longLived) {
		l.writers["verify"].Signal(t, syscall.SIGTERM)
		l.writers["console"].CloseInput()
		for what, p := range l.writers {
			select {
			case <-p.Done():
			case <-time.After(2 * time.Minute):
				t.Errorf("%s: the producer of %s does not end", l.kind, what)
			}
		}
	})
	each(func(l *longLived) {
		l.awaitMirrored(t, target.Bootstrap)
		select {
		case <-l.measured.Done():
		case <-time.After(3 * time.Minute):
			t.Errorf("%s: the consumer-perf-test does not end", l.kind)
		}
		t.Logf("%s: consumer-perf-test: exit %d, %s", l.kind, l.measured.ExitCode(), lastLine(l.measured.Output()))
	})
	each(func(l *longLived) {
		// A consumer whose coordinator was killed may go back to what was committed, in Java too.
		got := l.consumed("console")
		if once := firsts(got); !slices.Equal(once, numbersTo(l.typed)) {
			t.Errorf("%s: the console tools brought %d lines through of %d, or in another order", l.kind, len(once), l.typed)
		}
		acked := l.acknowledged()
		testkit.Eventually(t, limit, l.kind+": all is consumed that was acknowledged", func() bool {
			got := values(l.readers["verify"].Output(), "record_data")
			maps.Copy(got, values(l.readers["second"].Output(), "record_data"))
			return !slices.ContainsFunc(slices.Collect(maps.Keys(acked)), func(v string) bool { return !got[v] })
		})
		delete(l.readers, "second")
		for _, p := range l.readers {
			p.Signal(t, syscall.SIGTERM)
			<-p.Done()
		}
		for name, ps := range map[string]map[string]*testkit.Process{"reader": l.readers, "writer": l.writers} {
			for what, p := range ps {
				t.Logf("%s %s of %s: exit %d, log %v", l.kind, name, what, p.ExitCode(), kinds(p.Output()))
			}
		}
		t.Logf("%s: %d lines, %d printed; %d values acknowledged, refused: %v; perf: %s", l.kind, l.typed, len(got), len(acked), l.refusals(), lastLine(l.writers["perf"].Output()))
	})
	for what, p := range all[1].readers {
		if j := all[0].readers[what]; p.ExitCode() != j.ExitCode() {
			t.Errorf("the native reader of %s exits with %d, Java's with %d", what, p.ExitCode(), j.ExitCode())
		}
	}
	for what, p := range all[1].writers {
		if j := all[0].writers[what]; p.ExitCode() != j.ExitCode() {
			t.Errorf("the native writer of %s exits with %d, Java's with %d", what, p.ExitCode(), j.ExitCode())
		}
	}
	// Without retries a value may be lost with a connection or a leader, until the controller's
	// session has ended; a second more or less is chance.
	var refused [2]int
	for i, l := range all {
		for _, n := range l.refusals() {
			refused[i] += n
		}
	}
	if refused[1] > refused[0]+100 {
		t.Errorf("the native verifiable producer was refused %d values: %v; Java's %d: %v", refused[1], all[1].refusals(), refused[0], all[0].refusals())
	}
	if native := lastLine(all[1].writers["perf"].Output()); !strings.HasPrefix(native, fmt.Sprint(perfMessages, " records sent, ")) {
		t.Errorf("the performance test lost messages: %s", native)
	}
	if j, n := all[0].measured, all[1].measured; n.ExitCode() != j.ExitCode() || messagesRead(n.Output()) < perfMessages {
		t.Errorf("the native consumer-perf-test ends with %d and %q, Java's with %d and %q", n.ExitCode(), lastLine(n.Output()), j.ExitCode(), lastLine(j.Output()))
	}
}

// messagesRead is data.consumed.in.nMsg of a consumer-perf-test.
func messagesRead(output string) int {
	n := -1
	for line := range strings.Lines(output) {
		if fields := strings.Split(line, ", "); len(fields) > 5 {
			if i, err := strconv.Atoi(fields[4]); err == nil {
				n = i
			}
		}
	}
	return n
}

// refusals are what the verifiable producer says of values that it could not send, and how often.
func (l *longLived) refusals() map[string]int {
	out := map[string]int{}
	for line := range strings.Lines(l.writers["verify"].Output()) {
		if m := message.FindStringSubmatch(line); m != nil && strings.Contains(line, "producer_send_error") {
			out[m[1]]++
		}
	}
	return out
}

var message = regexp.MustCompile(`"message":"([^"]*)"`)

// firsts leaves out what was there before.
func firsts(list []string) (out []string) {
	seen := map[string]bool{}
	for _, x := range list {
		if !seen[x] {
			out, seen[x] = append(out, x), true
		}
	}
	return out
}

func numbersTo(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func produce(t *testing.T, bootstrap, topic, text string) {
	t.Helper()
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{"sh", "-c", `echo "$3" | "$0" console-producer --broker-list "$1" --topic "$2" >/dev/null`,
		testkit.Binary(t), bootstrap, topic, text}})
}
