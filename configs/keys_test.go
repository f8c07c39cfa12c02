package configs

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type goldenKey struct {
	Name           string  `json:"name"`
	Type           string  `json:"type"`
	Required       bool    `json:"required"`
	Default        *string `json:"default"`
	Valid          *string `json:"valid"`
	Importance     string  `json:"importance"`
	UpdateMode     string  `json:"update_mode"`
	ServerProperty string  `json:"server_default_property"`
}

// golden reads a recording in testdata.
func golden[T any](t testing.TB, name string) (all []T) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (g goldenKey) compare(t *testing.T, k *Key) {
	t.Helper()
	check := func(column string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s is %v, Kafka has %v", g.Name, column, got, want)
		}
	}
	check("type", strings.ToLower(k.Type.String()), g.Type)
	check("required", k.Required, g.Required)
	check("has default", k.HasDefault, g.Default != nil)
	if g.Default != nil {
		check("default", k.Default, *g.Default)
	}
	check("has validator", k.Valid != nil, g.Valid != nil)
	if g.Valid != nil && k.Valid != nil {
		check("valid", k.Valid.String(), *g.Valid)
	}
	check("importance", k.Importance.String(), g.Importance)
	if k.HasDefault {
		if _, err := k.parse(k.Default); err != nil {
			t.Errorf("%s: the default is not valid: %v", k.Name, err)
		}
	}
	if len(k.Doc) < 10 {
		t.Errorf("%s: no documentation", k.Name)
	}
}

// compareKeys compares the n keys of a recording with ours, which begin with the same ones, by name:
// of one that is too many or is missing nothing is said but that. also compares what only some keys
// have. It returns the names that Kafka's list lacks.
func compareKeys(t *testing.T, recording string, n int, ours []Key, also func(k *Key, g *goldenKey)) (extra []string) {
	t.Helper()
	want := golden[goldenKey](t, recording)
	if len(want) != n {
		t.Fatalf("%d keys in Kafka", len(want))
	}
	byName := map[string]*Key{}
	var order []string // of ours that are Kafka's
	recorded := func(name string) bool {
		return slices.ContainsFunc(want, func(g goldenKey) bool { return g.Name == name })
	}
	for i := range ours {
		k := &ours[i]
		byName[k.Name] = k
		if recorded(k.Name) {
			order = append(order, k.Name)
		} else {
			extra = append(extra, k.Name)
		}
	}
	for i := range want {
		g := &want[i]
		k, ok := byName[g.Name]
		if !ok {
			t.Errorf("%s: Kafka has it, and there is none here", g.Name)
			continue
		}
		g.compare(t, k)
		also(k, g)
	}
	if len(order) == n && !slices.EqualFunc(order, want, func(name string, g goldenKey) bool { return name == g.Name }) {
		t.Error("the keys are not in Kafka's order")
	}
	return extra
}

func TestBrokerKeysAreThoseOfKafka(t *testing.T) {
	extra := compareKeys(t, "broker.json", 207, brokerKeys[:], func(k *Key, g *goldenKey) {
		if mode := k.Update.String(); mode != g.UpdateMode {
			t.Errorf("%s: update mode is %s, Kafka has %s", g.Name, mode, g.UpdateMode)
		}
	})
	dynamic := 0
	for _, name := range extra {
		if k, _ := BrokerKey(name); k.DynamicOnly {
			dynamic++
		} else {
			t.Errorf("%s: Kafka 2.5.0 has no such key", name)
		}
	}
	if dynamic != 3 {
		t.Errorf("%d keys are only dynamic, Kafka has 3", dynamic)
	}
}

func TestTopicKeysAreThoseOfKafka(t *testing.T) {
	extra := compareKeys(t, "topic.json", 26, topicKeys[:], func(k *Key, g *goldenKey) {
		if k.ServerKey != g.ServerProperty {
			t.Errorf("%s: server key is %s, Kafka has %s", g.Name, k.ServerKey, g.ServerProperty)
		}
	})
	if len(extra) > 0 {
		t.Errorf("%v: Kafka 2.5.0 has no such keys", extra)
	}
}

// Every field of a snapshot belongs to one key, and has the type of the key.
func TestEveryFieldHasItsKey(t *testing.T) {
	fieldTypes := map[Type]string{Boolean: "bool", String: "string", Class: "string", Password: "string", Int: "int32", Short: "int16",
		Long: "int64", Double: "float64", List: "[]string"}
	seen := map[any]string{}
	visit := func(k *Key, p any) {
		if other, ok := seen[p]; ok {
			t.Errorf("%s and %s share a field", k.Name, other)
		}
		seen[p] = k.Name
		if got := reflect.TypeOf(p).Elem().String(); got != fieldTypes[k.Type] {
			t.Errorf("%s: field of type %s, key of type %s", k.Name, got, k.Type)
		}
	}
	var b Broker
	for i := range brokerKeys {
		visit(&brokerKeys[i], brokerKeys[i].broker(&b))
	}
	if n := reflect.TypeOf(b).NumField(); n != len(brokerKeys) {
		t.Errorf("Broker has %d fields for %d keys", n, len(brokerKeys))
	}
	var topic Topic
	for i := range topicKeys {
		visit(&topicKeys[i], topicKeys[i].topic(&topic))
	}
}

// A topic without overrides on a broker without settings has the defaults that Kafka lists.
func TestTopicDefaultsComeFromTheBroker(t *testing.T) {
	c := mustNew(t, nil)
	topic := c.Topic(nil)
	for i := range topicKeys {
		k := &topicKeys[i]
		if got := format(fieldValue(k.topic(topic))); got != k.Default {
			t.Errorf("%s is %q, want %q", k.Name, got, k.Default)
		}
	}
	if topic.RecordVersion != 2 || !topic.Delete || topic.Compact || topic.LogAppendTime {
		t.Errorf("derived fields: %+v", topic)
	}
}

func mustNew(t testing.TB, settings map[string]string) *Config {
	t.Helper()
	all := map[string]string{"zookeeper.connect": "localhost:2181"}
	for k, v := range settings {
		all[k] = v
	}
	c, err := New(all)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
