package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"momus/internal/journal"
)

func TestConfigChangesAreToldWithoutSecrets(t *testing.T) {
	j := journal.New(nil)
	h := configHistory{journal: j}
	broker := func(settings map[string]string) { h.saw("broker 1", settings, publicBrokerKey) }
	broker(map[string]string{"log.retention.ms": "1"}) // the first look is no change
	broker(map[string]string{"log.retention.ms": "1", "ssl.key.password": "s3cret"})
	broker(map[string]string{"log.retention.ms": "2", "ssl.key.password": "s3cret2", "listener.name.x.ssl.keystore.password": "s3cret"})
	broker(map[string]string{"listener.name.x.ssl.keystore.password": "s3cret", "leader.replication.throttled.rate": "1000"})
	h.saw("users u", nil, publicQuotaKey)
	h.saw("users u", map[string]string{"SCRAM-SHA-256": "salt=s3cret", "producer_byte_rate": "1024"}, publicQuotaKey)
	h.none("clients c")
	h.saw("clients c", map[string]string{"producer_byte_rate": "7"}, publicQuotaKey) // the first look at what had no settings
	h.none("clients c")
	h.saw("clients c", nil, publicQuotaKey)
	h.was("topic t", map[string]string{"retention.ms": "5"})
	h.saw("topic t", map[string]string{"unknown": "s3cret"}, publicTopicKey)
	h.forget("topic t")
	h.saw("topic t", map[string]string{"retention.ms": "7"}, publicTopicKey) // nobody knows what it was
	var got []string
	entries, _ := j.Since(0)
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s→%s", e.Name, e.Who, e.Old, e.New))
	}
	want := []string{
		"broker 1 ssl.key.password (default)→(hidden)",
		"broker 1 listener.name.x.ssl.keystore.password (default)→(hidden)", `broker 1 log.retention.ms "1"→"2"`, "broker 1 ssl.key.password (hidden)→(hidden)",
		`broker 1 leader.replication.throttled.rate (default)→"1000"`, `broker 1 log.retention.ms "2"→(default)`, "broker 1 ssl.key.password (hidden)→(default)",
		"users u SCRAM-SHA-256 (default)→(hidden)", `users u producer_byte_rate (default)→"1024"`,
		`clients c producer_byte_rate (default)→"7"`, `clients c producer_byte_rate "7"→(default)`,
		"topic t unknown (default)→(hidden)", `topic t retention.ms "5"→(default)`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatRepeatsIsToldOnceInAWhile(t *testing.T) {
	var r repeats
	now := time.Unix(100, 0)
	if !r.first("a", now) || r.first("a", now.Add(repeatAfter-1)) || !r.first("b", now) || !r.first("a", now.Add(repeatAfter)) {
		t.Error("told too often or too rarely")
	}
	for i := range 10 * maxRepeats {
		r.first(fmt.Sprint(i), now)
	}
	if len(r.last) > maxRepeats {
		t.Errorf("%d things are remembered", len(r.last))
	}
}
