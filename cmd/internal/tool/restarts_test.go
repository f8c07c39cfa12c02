package tool

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/consoleconsumer"
	"momus/cmd/internal/tool/consoleproducer"
	"momus/cmd/internal/tool/tooltest"
	"momus/cmd/internal/tool/topics"
	"momus/cmd/internal/tool/verifiableconsumer"
	"momus/cmd/internal/tool/verifiableproducer"
	"momus/internal/testbase"
)

// live is a tool that runs beside the test.
type live struct {
	t        *testing.T
	out, err testbase.Buffer
	stop     context.CancelFunc
	done     chan int
}

func runLive(t *testing.T, x Tool, stdin io.Reader, args ...string) *live {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &live{t: t, stop: cancel, done: make(chan int, 1)}
	go func() { // ended by the cleanup
		l.done <- x.Run(ctx, &Env{Args: args, Stdin: stdin, Stdout: &l.out, Stderr: &l.err, Getenv: func(string) string { return "" }})
	}()
	t.Cleanup(func() {
		cancel()
		if c, ok := stdin.(io.Closer); ok {
			c.Close()
		}
		l.wait()
	})
	return l
}

// wait gives the exit code; the tool has to end soon.
func (l *live) wait() int {
	l.t.Helper()
	select {
	case code := <-l.done:
		l.done <- code
		return code
	case <-time.After(time.Minute):
		l.t.Fatalf("the tool does not end\n%s\n%s", l.out.String(), l.err.String())
		return 0
	}
}

// await waits until standard output is as wanted, while the tool runs.
func (l *live) await(what string, ok func(out string) bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(l.out.String()); {
		select {
		case code := <-l.done:
			l.done <- code
			l.t.Fatalf("%s: the tool ended with %d\n%s\n%s", what, code, l.out.String(), l.err.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			l.t.Fatalf("%s: not in a minute\n%s\n%s", what, l.out.String(), l.err.String())
		}
	}
}

func numbered(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, "line-"+strconv.Itoa(i))
	}
	return out
}

func hasAll(lines []string) func(out string) bool {
	return func(out string) bool {
		got := strings.Split(out, "\n")
		return !slices.ContainsFunc(lines, func(l string) bool { return !slices.Contains(got, l) })
	}
}

func mustRun(t *testing.T, x Tool, args ...string) {
	t.Helper()
	if code, out, errs := tooltest.Run(t, x, &Env{Args: args}); code != 0 {
		t.Fatalf("%s %v: exit %d\n%s%s", x.Name, args, code, out, errs)
	}
}

// TestConsoleToolsGoOnThroughARestart types lines before, while and after the only broker is away:
// all arrive, once and in order.
func TestConsoleToolsGoOnThroughARestart(t *testing.T) {
	c := tooltest.NewCluster(t, 1, nil)
	mustRun(t, topics.Tool(), "--bootstrap-server", c.Bootstrap[0], "--create", "--topic", "t", "--partitions", "1", "--replication-factor", "1")
	consumer := runLive(t, consoleconsumer.Tool(), strings.NewReader(""), "--bootstrap-server", c.Bootstrap[0], "--topic", "t", "--group", "g", "--from-beginning")
	read, typed := io.Pipe()
	producer := runLive(t, consoleproducer.Tool(), read, "--broker-list", c.Bootstrap[0], "--topic", "t")
	write := func(lines []string) {
		for _, l := range lines {
			fmt.Fprintln(typed, l)
		}
	}
	write(numbered(0, 5))
	consumer.await("lines before", hasAll(numbered(0, 5)))
	c.Stop(1)
	write(numbered(5, 15)) // nobody is there
	c.Start(1)
	write(numbered(15, 25))
	consumer.await("lines after", hasAll(numbered(0, 25)))
	typed.Close()
	if code := producer.wait(); code != 0 || strings.Contains(producer.err.String(), "Error when sending") {
		t.Errorf("producer: exit %d\n%s", code, producer.err.String())
	}
	if got := strings.Fields(consumer.out.String()); !slices.Equal(got, numbered(0, 25)) {
		t.Errorf("consumed %v", got)
	}
}

// TestConsumerGoesOnWhenItsTopicIsMadeAgain deletes a topic under a consumer and makes it again.
func TestConsumerGoesOnWhenItsTopicIsMadeAgain(t *testing.T) {
	c := tooltest.NewCluster(t, 1, map[string]string{"auto.create.topics.enable": "false"})
	create := func() {
		t.Helper()
		words := []string{"--bootstrap-server", c.Bootstrap[0], "--create", "--topic", "t", "--partitions", "1", "--replication-factor", "1"}
		for end := time.Now().Add(time.Minute); ; { // a deletion that was answered may still go on, as Kafka's
			code, out, _ := tooltest.Run(t, topics.Tool(), &Env{Args: words})
			if code == 0 {
				return
			}
			if !strings.Contains(out, "already exists") || time.Now().After(end) {
				t.Fatalf("exit %d\n%s", code, out)
			}
		}
	}
	produce := func(lines []string) {
		if code, _, errs := tooltest.Run(t, consoleproducer.Tool(), &Env{Args: []string{"--broker-list", c.Bootstrap[0], "--topic", "t"},
			Stdin: strings.NewReader(strings.Join(lines, "\n"))}); code != 0 {
			t.Fatalf("producer: exit %d, %s", code, errs)
		}
	}
	create()
	produce(numbered(0, 10))
	consumer := runLive(t, consoleconsumer.Tool(), strings.NewReader(""), "--bootstrap-server", c.Bootstrap[0], "--topic", "t", "--from-beginning",
		"--consumer-property", "metadata.max.age.ms=200")
	consumer.await("the first topic", hasAll(numbered(0, 10)))
	mustRun(t, topics.Tool(), "--bootstrap-server", c.Bootstrap[0], "--delete", "--topic", "t")
	create()
	produce(numbered(100, 105))
	consumer.await("the second topic", hasAll(numbered(100, 105)))
}

var event = regexp.MustCompile(`"name":"(\w+)"`)

// TestVerifiableToolsGoOnThroughARestart sends at a steady rate through a restart: nothing is
// reported as failed, and all is consumed.
func TestVerifiableToolsGoOnThroughARestart(t *testing.T) {
	c := tooltest.NewCluster(t, 1, nil)
	mustRun(t, topics.Tool(), "--bootstrap-server", c.Bootstrap[0], "--create", "--topic", "t", "--partitions", "1", "--replication-factor", "1")
	consumer := runLive(t, verifiableconsumer.Tool(), strings.NewReader(""), "--bootstrap-server", c.Bootstrap[0], "--topic", "t", "--group-id", "g", "--verbose",
		"--reset-policy", "earliest")
	const n = 400
	producer := runLive(t, verifiableproducer.Tool(), strings.NewReader(""), "--bootstrap-server", c.Bootstrap[0], "--topic", "t", "--max-messages", strconv.Itoa(n),
		"--throughput", "200")
	producer.await("the first hundred", func(out string) bool { return strings.Count(out, "producer_send_success") >= 100 })
	c.Stop(1)
	// What was on its way when the broker went is lost with retries=0, in Java too: no more than
	// that. When the client looks for the broker in vain for the second time, it has said so.
	producer.await("two looks for the broker", func(string) bool {
		return strings.Count(producer.err.String(), "could not be established") >= 2
	})
	lost := strings.Count(producer.out.String(), "producer_send_error")
	c.Start(1)
	if code := producer.wait(); code != 0 {
		t.Errorf("producer: exit %d", code)
	}
	counts := map[string]int{}
	for _, m := range event.FindAllStringSubmatch(producer.out.String(), -1) {
		counts[m[1]]++
	}
	if counts["producer_send_error"] != lost || counts["producer_send_success"]+lost != n {
		t.Errorf("%d were lost with the broker, events of the producer: %v\n%s\n%s", lost, counts, producer.out.String(), producer.err.String())
	}
	consumer.await("all that was acknowledged", func(out string) bool {
		return strings.Count(out, `"name":"record_data"`) >= counts["producer_send_success"]
	})
}

// TestConsoleToolsFollowTheLeader stops each of three brokers in turn while lines are typed: all
// arrive, once and in order.
func TestConsoleToolsFollowTheLeader(t *testing.T) {
	c := tooltest.NewCluster(t, 3, nil)
	all := strings.Join(c.Bootstrap, ",")
	mustRun(t, topics.Tool(), "--bootstrap-server", all, "--create", "--topic", "t", "--partitions", "1", "--replication-factor", "3")
	consumer := runLive(t, consoleconsumer.Tool(), strings.NewReader(""), "--bootstrap-server", all, "--topic", "t", "--group", "g", "--from-beginning",
		"--consumer-property", "session.timeout.ms=60000") // a member that is dropped reads again what it has not committed
	read, typed := io.Pipe()
	producer := runLive(t, consoleproducer.Tool(), read, "--broker-list", all, "--topic", "t", "--request-required-acks", "all")
	n := 0
	write := func() {
		for _, l := range numbered(n, n+5) {
			fmt.Fprintln(typed, l)
		}
		n += 5
		consumer.await("the lines so far", hasAll(numbered(0, n)))
	}
	write()
	for id := 1; id <= 3; id++ {
		c.Stop(id)
		write()
		c.Start(id)
		write()
	}
	typed.Close()
	if code := producer.wait(); code != 0 || strings.Contains(producer.err.String(), "Error when sending") {
		t.Errorf("producer: exit %d\n%s", code, producer.err.String())
	}
	if got := strings.Fields(consumer.out.String()); !slices.Equal(got, numbered(0, n)) {
		t.Errorf("consumed %v", got)
	}
}
