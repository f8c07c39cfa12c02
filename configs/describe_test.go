package configs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var sourceNames = map[Source]string{SourceTopic: "DYNAMIC_TOPIC_CONFIG", SourceDynamicBroker: "DYNAMIC_BROKER_CONFIG",
	SourceDynamicDefault: "DYNAMIC_DEFAULT_BROKER_CONFIG", SourceStatic: "STATIC_BROKER_CONFIG", SourceDefault: "DEFAULT_CONFIG"}

// show prints an entry as kafka-configs.sh does.
func show(e Entry) string {
	value := func(p *string) string {
		if p == nil {
			return "null"
		}
		return *p
	}
	var list []string
	for _, y := range e.Synonyms {
		list = append(list, sourceNames[y.Source]+":"+y.Name+"="+value(y.Value))
	}
	return fmt.Sprintf("  %s=%s sensitive=%v synonyms={%s}", e.Name, value(e.Value), e.Sensitive, strings.Join(list, ", "))
}

func compareWithRecording(t *testing.T, file string, entries []Entry) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(data)), "\n")[1:]
	for i := range want {
		want[i] = strings.TrimRight(want[i], " ")
	}
	// Each entry is looked for in the other list, so that one too many is one line here.
	var got []string
	for _, e := range entries {
		got = append(got, show(e))
	}
	lacking := func(list, from []string, text string) {
		for _, x := range list {
			x = strings.TrimLeft(x, " ")
			if !slices.ContainsFunc(from, func(y string) bool { return strings.TrimLeft(y, " ") == x }) {
				t.Errorf("%s: %s", text, x)
			}
		}
	}
	lacking(got, want, "Kafka does not show")
	lacking(want, got, "Kafka shows")
	if len(got) != len(want) {
		t.Errorf("%d entries, Kafka shows %d", len(got), len(want))
	}
}

func TestBrokerIsDescribedAsKafkaDoes(t *testing.T) {
	c := mustNew(t, map[string]string{
		"advertised.listeners": "PLAINTEXT://localhost:9092", "listeners": "PLAINTEXT://localhost:9092", "broker.id": "1",
		"background.threads": "4", "num.io.threads": "4", "num.network.threads": "2", "num.recovery.threads.per.data.dir": "1",
		"group.initial.rebalance.delay.ms": "0", "log.cleaner.dedupe.buffer.size": "20000000",
		"log.dirs": "/var/lib/kafka/b1/d0,/var/lib/kafka/b1/d1", "offsets.topic.replication.factor": "1",
		"transaction.state.log.min.isr": "1", "transaction.state.log.replication.factor": "1",
	})
	if err := c.SetDynamicBroker(map[string]string{"log.cleaner.threads": "2", "background.threads": "6"}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetDynamicDefault(map[string]string{"log.cleaner.threads": "2"}); err != nil {
		t.Fatal(err)
	}
	compareWithRecording(t, "describe-broker-all.txt", c.DescribeBroker(nil))
	defaults := c.DescribeBrokerDefaults(nil)
	if len(defaults) != 1 || show(defaults[0]) != "  log.cleaner.threads=2 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.cleaner.threads=2}" {
		t.Errorf("defaults: %v", defaults)
	}
	for _, e := range c.DescribeBroker([]string{"broker.id", "log.cleaner.threads", "no.such.key"}) {
		if want := e.Name == "broker.id"; e.ReadOnly != want {
			t.Errorf("%s: read only is %v", e.Name, e.ReadOnly)
		}
	}
}

func TestTopicIsDescribedAsKafkaDoes(t *testing.T) {
	c := mustNew(t, nil)
	overrides := map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "60000", "max.message.bytes": "2000000"}
	compareWithRecording(t, "describe-topic-all.txt", c.DescribeTopic(overrides, nil))
	one := c.DescribeTopic(overrides, []string{"retention.ms", "nonsense"})
	if len(one) != 1 || one[0].Source != SourceTopic {
		t.Errorf("retention.ms: %v", one)
	}
}

func TestSynonymsOfFamilies(t *testing.T) {
	c := mustNew(t, map[string]string{"log.retention.hours": "1", "log.retention.minutes": "5", "listener.name.plaintext.ssl.keystore.password": "secret", "plugin.key": "x"})
	for name, want := range map[string]string{
		"log.retention.hours":                           "  log.retention.hours=1 sensitive=false synonyms={STATIC_BROKER_CONFIG:log.retention.hours=1, DEFAULT_CONFIG:log.retention.hours=168}",
		"log.retention.minutes":                         "  log.retention.minutes=5 sensitive=false synonyms={STATIC_BROKER_CONFIG:log.retention.minutes=5, STATIC_BROKER_CONFIG:log.retention.hours=1, DEFAULT_CONFIG:log.retention.hours=168}",
		"log.retention.ms":                              "  log.retention.ms=null sensitive=false synonyms={}",
		"listener.name.plaintext.ssl.keystore.password": "  listener.name.plaintext.ssl.keystore.password=null sensitive=true synonyms={STATIC_BROKER_CONFIG:listener.name.plaintext.ssl.keystore.password=null}",
		"plugin.key":                                    "  plugin.key=null sensitive=true synonyms={STATIC_BROKER_CONFIG:plugin.key=null}",
	} {
		e := c.DescribeBroker([]string{name})
		if len(e) != 1 || show(e[0]) != want {
			t.Errorf("got %v\nwant %s", e, want)
		}
	}
	topic := c.DescribeTopic(nil, []string{"retention.ms"})
	if want := "  retention.ms=300000 sensitive=false synonyms={}"; show(topic[0]) != want {
		t.Errorf("got %s, want %s", show(topic[0]), want)
	}
}

func TestTopicConfigsAreListedInKafkasOrder(t *testing.T) {
	c, err := New(map[string]string{"zookeeper.connect": "localhost:2181"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range c.DescribeTopic(map[string]string{"a.custom.key": "x"}, nil) {
		got = append(got, e.Name)
	}
	want := append(topicOrder[:len(topicOrder):len(topicOrder)], "a.custom.key")
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("listed as %v", got)
	}
	if len(topicOrder) != len(TopicKeys()) {
		t.Errorf("the order has %d of %d keys", len(topicOrder), len(TopicKeys()))
	}
}
