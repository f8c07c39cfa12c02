package configs

import (
	"strings"
	"sync"
	"testing"
)

func TestDynamicSettingsBeatStaticOnes(t *testing.T) {
	c := mustNew(t, map[string]string{"log.retention.hours": "1", "num.io.threads": "4"})
	type change struct{ old, new int64 }
	var seen []change
	c.Subscribe(func(old, new *Broker) { seen = append(seen, change{old.LogRetentionMs, new.LogRetentionMs}) })
	before := c.Broker()
	if err := c.SetDynamicDefault(map[string]string{"log.retention.ms": "5000", "log.segment.bytes": "1000000"}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetDynamicBroker(map[string]string{"log.retention.ms": "7000", "follower.replication.throttled.rate": "100"}); err != nil {
		t.Fatal(err)
	}
	b := c.Broker()
	if b.LogRetentionMs != 7000 || b.LogSegmentBytes != 1000000 || b.FollowerReplicationThrottledRate != 100 {
		t.Errorf("retention %d, segment %d, throttle %d", b.LogRetentionMs, b.LogSegmentBytes, b.FollowerReplicationThrottledRate)
	}
	if before.LogRetentionMs != 3_600_000 {
		t.Error("a published snapshot has changed")
	}
	if topic := c.Topic(map[string]string{"segment.bytes": "500"}); topic.RetentionMs != 7000 || topic.SegmentBytes != 500 {
		t.Errorf("topic: retention %d, segment %d", topic.RetentionMs, topic.SegmentBytes)
	}
	// The same again tells nobody.
	if err := c.SetDynamicBroker(map[string]string{"log.retention.ms": "7000", "follower.replication.throttled.rate": "100"}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetDynamicBroker(nil); err != nil {
		t.Fatal(err)
	}
	if c.Broker().LogRetentionMs != 5000 {
		t.Errorf("retention %d after the broker's own was removed", c.Broker().LogRetentionMs)
	}
	want := []change{{3_600_000, 5000}, {5000, 7000}, {7000, 5000}}
	if len(seen) != len(want) {
		t.Fatalf("subscriber saw %v, want %v", seen, want)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Errorf("subscriber saw %v, want %v", seen, want)
		}
	}
}

func TestStoredSettingsThatDoNotFitAreLeftOut(t *testing.T) {
	c := mustNew(t, nil)
	err := c.SetDynamicDefault(map[string]string{"log.segment.bytes": "many", "log.retention.ms": "5", "zookeeper.connect": "x:1", "plugin.x": "1"})
	if err == nil || !strings.Contains(err.Error(), "log.segment.bytes") || !strings.Contains(err.Error(), "zookeeper.connect") {
		t.Errorf("error is %v", err)
	}
	if b := c.Broker(); b.LogRetentionMs != 5 || b.LogSegmentBytes != 1<<30 || b.ZookeeperConnect != "localhost:2181" {
		t.Errorf("retention %d, segment %d, zookeeper %s", b.LogRetentionMs, b.LogSegmentBytes, b.ZookeeperConnect)
	}
	// A whole that contradicts itself changes nothing.
	if err := c.SetDynamicDefault(map[string]string{"log.cleaner.threads": "1000"}); err == nil {
		t.Error("no error for more cleaner threads than the buffer allows")
	}
	if c.Broker().LogRetentionMs != 5 {
		t.Error("a refused change took effect")
	}
}

func TestBrokerUpdatesAreRefusedAsByKafka(t *testing.T) {
	// part is what a part of the broker has found.
	part := func(text string) string {
		return "Invalid value org.apache.kafka.common.config.ConfigException: " + text + " for configuration Invalid dynamic configuration"
	}
	c := mustNew(t, map[string]string{"num.io.threads": "8", "log.cleaner.threads": "2", "listeners": "PLAINTEXT://:9092,OTHER://:9093",
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT"})
	for _, tt := range []struct {
		key, value string
		perBroker  bool
		want       string // "" for accepted
	}{
		{"zookeeper.connect", "x:1", true, "Cannot update these configs dynamically: Set(zookeeper.connect)"},
		{"log.cleaner.threads", "abc", true, "Invalid value abc for configuration log.cleaner.threads: Not a number of type INT"},
		{"ssl.keystore.location", "/k", true, "These security configs can be dynamically updated only per-listener using the listener prefix: Set(ssl.keystore.location)"},
		{"listener.name.plaintext.ssl.keystore.location", "/k", true, ""},
		{"listener.name.plaintext.ssl.keystore.location", "/k", false,
			"Cannot update these configs at default cluster level, broker id must be specified: Set(listener.name.plaintext.ssl.keystore.location)"},
		{"advertised.listeners", "PLAINTEXT://b:9092", false, "Cannot update these configs at default cluster level, broker id must be specified: Set(advertised.listeners)"},
		{"advertised.listeners", "PLAINTEXT://b:9092", true, ""},
		{"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,OTHER:SSL", true, part("Security protocol cannot be updated for existing listener ListenerName(OTHER)")},
		{"listener.name.other.max.connections", "5", false, ""},
		{"listener.name.other.max.connections", "0", false, part("Invalid max.connections 0: listener OTHER would take no connection")},
		{"max.connections", "5", false, ""},
		{"max.connections", "0", false, part("Invalid max.connections 0: listener PLAINTEXT would take no connection")},
		{"max.connections", "0", true, part("Invalid max.connections 0: listener PLAINTEXT would take no connection")},
		{"num.io.threads", "4", false, ""},
		{"num.io.threads", "16", true, ""},
		{"num.io.threads", "17", true, part("Dynamic thread count update validation failed for num.io.threads=17, value should not be greater than double the current value 8")},
		{"num.io.threads", "3", true, part("Dynamic thread count update validation failed for num.io.threads=3, value should be at least half the current value 8")},
		{"num.replica.fetchers", "0", true, part("Dynamic thread count update validation failed for num.replica.fetchers=0, value should be at least 1")},
		{"log.cleaner.threads", "5", true, part("Log cleaner threads cannot be increased to more than double the current value 2")},
		{"log.cleaner.threads", "0", true, part("Log cleaner threads should be at least 1")},
		{"leader.replication.throttled.rate", "1000", true, ""},
		{"leader.replication.throttled.rate", "-1", true, "Invalid value -1 for configuration leader.replication.throttled.rate: Value must be at least 0"},
		{"any.plugin.key", "x", true, ""},
	} {
		err := c.ValidateBrokerUpdate(map[string]string{tt.key: tt.value}, tt.perBroker)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s=%s: %v", tt.key, tt.value, err)
		case tt.want != "" && (err == nil || err.Error() != tt.want):
			t.Errorf("%s=%s: got %v, want %s", tt.key, tt.value, err, tt.want)
		}
	}
	if got := c.Broker().NumIOThreads; got != 8 {
		t.Errorf("validation changed num.io.threads to %d", got)
	}
}

func TestGeneratedBrokerIDStays(t *testing.T) {
	c := mustNew(t, nil)
	c.SetBrokerID(1001)
	if err := c.SetDynamicDefault(map[string]string{"log.retention.ms": "5"}); err != nil {
		t.Fatal(err)
	}
	if id := c.Broker().BrokerID; id != 1001 {
		t.Errorf("broker id is %d", id)
	}
}

func TestMessageFormatNewerThanBrokersIsIgnored(t *testing.T) {
	c := mustNew(t, map[string]string{"inter.broker.protocol.version": "0.10.2", "log.message.format.version": "0.10.2"})
	for version, want := range map[string]int8{"0.9.0": 0, "0.10.0": 1, "2.5": 1} {
		overrides := map[string]string{"message.format.version": version}
		if got := c.Topic(overrides).RecordVersion; got != want {
			t.Errorf("%s: record version %d, want %d", version, got, want)
		}
		if got := c.MessageFormatIgnored(overrides); got != (version == "2.5") {
			t.Errorf("%s: ignored is %v", version, got)
		}
	}
}

func TestReadersAndChangesMayRunTogether(t *testing.T) {
	c := mustNew(t, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				_ = c.SetDynamicDefault(map[string]string{"log.retention.ms": "5"})
				_ = c.Topic(map[string]string{"retention.ms": "7"})
				_ = c.DescribeBroker([]string{"log.retention.ms"})
				_ = c.SetDynamicDefault(nil)
				c.SetBrokerID(7)
			}
		})
	}
	wg.Wait()
	if c.Broker().LogRetentionMs != 168*3_600_000 || c.Broker().BrokerID != 7 {
		t.Errorf("%+v", c.Broker())
	}
}
