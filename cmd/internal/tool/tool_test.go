package tool

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

func testOptions() *options {
	o := newOptions("A test.")
	o.flag("list", "")
	o.value("topic", "TOPIC", "")
	o.valueOr("partitions", "N", "1", "")
	o.optional("codec", "CODEC", "")
	return o.standard()
}

func TestOptionsReadAsJoptsimpleDoes(t *testing.T) {
	for _, c := range []struct {
		words, topic, err string
		list              bool
	}{
		{words: "--list --topic a", topic: "a", list: true},
		{words: "-list -topic=a", topic: "a", list: true},
		{words: "--topic --list", topic: "--list"},
		{words: "word --list more", list: true},
		{words: "--list -- --foo", list: true},
		{words: "--foo", err: "foo is not a recognized option"},
		{words: "-foo", err: "f is not a recognized option"},
		{words: "--lis", err: "lis is not a recognized option"},
		{words: "--topic", err: "Option topic requires an argument"},
		{words: "--list=x", err: "Option list does not accept an argument"},
		{words: "--topic a --topic b", err: "Found multiple arguments for option topic, but you asked for only one"},
		{words: "--partitions x", err: "Cannot parse argument 'x' of option partitions"},
		{words: "--codec --list", list: true},
	} {
		o := testOptions()
		err := o.parse(strings.Fields(c.words))
		topic := ""
		if err == nil {
			topic, err = o.one("topic")
		}
		if err == nil {
			_, err = o.number("partitions", 32)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.err || err == nil && (topic != c.topic || o.has("list") != c.list) {
			t.Errorf("%s: topic %q, list %v, error %q", c.words, topic, o.has("list"), got)
		}
	}
}

func TestExitCodesAndStreams(t *testing.T) {
	for _, c := range []struct {
		tool, args, out, err string
		code                 int
	}{
		{tool: "kafka-topics", args: "--version", out: Version + "\n"},
		{tool: "kafka-topics", args: "--help --version", err: "This tool helps to create, delete, describe, or change a topic.\n", code: 1},
		{tool: "kafka-topics", args: "", err: "Create, delete, describe, or change a topic.\n", code: 1},
		{tool: "kafka-topics", args: "--version --foo", err: "foo is not a recognized option\n", code: 1},
		{tool: "kafka-topics", args: "--list", err: "Only one of --bootstrap-server or --zookeeper must be specified\n", code: 1},
		{tool: "kafka-topics", args: "--bootstrap-server localhost --list", err: "Failed to create new KafkaAdminClient: Invalid url in bootstrap.servers: localhost\n", code: 1},
		{tool: "kafka-run-class", args: "no.such.Class", err: "Error: Could not find or load main class no.such.Class\n", code: 1},
		{tool: "kafka-configs", args: "--foo", err: "foo is not a recognized option\n", code: 1},
		{tool: "kafka-producer-perf-test", args: "", out: "usage: producer-performance "},
	} {
		for _, x := range Tools() {
			if x.Name != c.tool {
				continue
			}
			var out, errs bytes.Buffer
			code := x.Run(context.Background(), &Env{Args: strings.Fields(c.args), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
			if code != c.code || !strings.HasPrefix(out.String(), c.out) || !strings.HasPrefix(errs.String(), c.err) || c.out == "" && out.Len() > 0 || c.err == "" && errs.Len() > 0 {
				t.Errorf("%s %s: exit %d\n%s%s", c.tool, c.args, code, out.String(), errs.String())
			}
		}
	}
}

func TestUnreachableBrokerEndsInItsTime(t *testing.T) {
	var out, errs bytes.Buffer
	began := time.Now()
	code := Tools()[3].Run(context.Background(), &Env{Args: strings.Fields("--bootstrap-server 127.0.0.1:1 --list --timeout 300"), Stdout: &out, Stderr: &errs})
	if took := time.Since(began); code != 0 || took > 10*time.Second || out.String() != "\nError: Executing consumer group command failed due to org.apache.kafka.common.KafkaException: Failed to find brokers to send ListGroups\n" {
		t.Errorf("exit %d after %v\n%s%s", code, took, out.String(), errs.String())
	}
	if !strings.Contains(errs.String(), "Connection to node -1 (/127.0.0.1:1) could not be established. Broker may not be available.") {
		t.Errorf("stderr: %s", errs.String())
	}
}

func TestHashOrderIsJavas(t *testing.T) {
	if h := hashCode("com.harm.topic.1"); h != hashCode("com.harm.topic.2")-1 || hashCode("한") != 0xd55c || hashCode("😀") != 31*0xd83d+0xde00 {
		t.Errorf("hash codes: %d", h)
	}
	topics := []string{"assigned", "assigned2", "bsplain", "com.harm.topic.1", "com.harm.topic.2", "configured", "defaults", "fmt", "plain", "under_score", "zkconfigured"}
	want := "configured zkconfigured defaults bsplain plain under_score com.harm.topic.2 assigned2 assigned com.harm.topic.1 fmt"
	if got := strings.Join(hashOrder(topics, tableFor(len(topics)), hashCode), " "); got != want {
		t.Errorf("order: %s", got)
	}
}

func TestDatesAndDurations(t *testing.T) {
	now := time.Date(2020, 4, 15, 10, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{"PT1H30M": "08:30:00", "P1DT2H": "08:00:00", "PT0S": "10:00:00", "-PT1M": "10:01:00", "PT1.5S": "09:59:58.5"} {
		got, err := before(now, s)
		if err != nil || got.Format("15:04:05.999") != want {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
	for _, s := range []string{"1h", "P", "PT", "PT1H2D"} {
		if _, err := before(now, s); err == nil {
			t.Errorf("%s is a duration", s)
		}
	}
	for s, want := range map[string]int64{"2020-01-01T00:00:00.000": 1577836800000, "2020-01-01T09:00:00.000+09:00": 1577836800000, "2020-01-01T09:00:00.000+09": 1577836800000, "2020-01-01T00:00:00.000Z": 1577836800000} {
		got, err := parseDateTime(s)
		if err != nil || got.UnixMilli() != want {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
}

func TestJavaNumbers(t *testing.T) {
	for v, want := range map[float64]string{1: "1.0", 0.5: "0.5", 1e7: "1.0E7", 1.5e-5: "1.5E-5", 0: "0.0", -2.25: "-2.25"} {
		if got := javaDouble(v, 64); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	r, payload := newJavaRandom(0), ""
	for range 8 {
		payload += string(rune(65 + r.nextInt(26)))
	}
	if payload != "SSXVNJHP" {
		t.Errorf("payload %s", payload)
	}
}

func FuzzOptions(f *testing.F) {
	f.Add("--topic a --list")
	f.Add("-- --x")
	f.Fuzz(func(t *testing.T, s string) {
		o := testOptions()
		if o.parse(strings.Fields(s)) == nil {
			o.usage()
		}
	})
}
