package core

import (
	"strings"
	"testing"
)

func TestNearestIsWhatWasMeant(t *testing.T) {
	names := []string{"bootstrap-server", "topic", "list", "describe", "delete"}
	for word, want := range map[string]string{"topc": "topic", "lst": "list", "bootstrap-servers": "bootstrap-server", "descibe": "describe", "xyz": "", "boot": ""} {
		if got := Meant(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestOptionsOfOtherVersions(t *testing.T) {
	brokers, list := []string{"bootstrap-server", "topic"}, []string{"broker-list", "topic"}
	for _, c := range []struct {
		word  string
		names []string
		want  string // its end
	}{
		{"zookeeper", brokers, "--bootstrap-server HOST:9092"}, {"zookeeper", list, ""}, {"new-consumer", brokers, "there is no other"},
		{"broker-list", brokers, "--bootstrap-server"}, {"bootstrap-server", list, "--broker-list"}, {"topics", brokers, ""},
	} {
		if got := formerly(c.word, c.names); !strings.HasSuffix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s of %v: %q", c.word, c.names, got)
		}
	}
}
