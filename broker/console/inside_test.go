package console

import (
	"context"
	"encoding/json"
	nethttp "net/http"
	"slices"
	"strings"
	"testing"

	"momus/broker/http"
	"momus/broker/view"
	"momus/configs"
)

// described is a cluster whose brokers and topics have one key each.
type described struct{ foreign }

func (described) Configs(_ context.Context, topic string, _ int32) ([]configs.Entry, error) {
	value := "1"
	if topic != "" {
		return []configs.Entry{{Name: "retention.ms", Value: &value, Source: configs.SourceTopic}}, nil
	}
	return []configs.Entry{{Name: "broker.id", Value: &value, Source: configs.SourceStatic}}, nil
}

func TestConfigsAreExplainedInTheLanguageOfThePage(t *testing.T) {
	base := port(t, func(s *http.Server) { NewSite(Options{Outside: described{}}).Mount(s) })
	broker, _ := configs.BrokerKey("broker.id")
	topic, _ := configs.TopicKey("retention.ms")
	// What a change needs: a broker from outside does not say which of its keys need a restart.
	changes := map[bool]string{true: "topic", false: "restart"}
	for query, want := range map[string]string{
		"broker=1": broker.Doc, "broker=1&lang=en": broker.Doc, "broker=1&lang=ko": broker.KoreanDoc(), "topic=t&lang=ko": topic.KoreanDoc(),
	} {
		resp, err := nethttp.Get(base + "/api/configs?" + query)
		if err != nil {
			t.Fatal(err)
		}
		var rows []struct{ Doc, Change string }
		if err := json.NewDecoder(resp.Body).Decode(&rows); err != nil || len(rows) != 1 || rows[0].Doc != want || rows[0].Change != changes[strings.HasPrefix(query, "topic")] {
			t.Errorf("%s: %+v, %v; want %s", query, rows, err, want)
		}
		resp.Body.Close()
	}
}

// Records come from the leader: not from one that was cut off and still believes to lead.
func TestRecordsComeFromTheLeader(t *testing.T) {
	replicas := []view.Replica{
		{Broker: 4, End: 45},
		{Broker: 1, Leading: true, Epoch: 3, End: 119},
		{Broker: 3, End: 190},
		{Broker: 2, Leading: true, Epoch: 4, End: 191},
	}
	slices.SortStableFunc(replicas, func(a, b view.Replica) int { return better(&a, &b) })
	var order []int32
	for _, r := range replicas {
		order = append(order, r.Broker)
	}
	if want := []int32{2, 1, 3, 4}; !slices.Equal(order, want) {
		t.Errorf("records are looked for at %v, want %v", order, want)
	}
}
