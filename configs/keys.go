package configs

import (
	"sync"
)

// Type is the type of a key's value, with Kafka's names.
type Type int8

// The types.
const (
	Boolean Type = iota
	String
	Int
	Short
	Long
	Double
	List
	Class
	Password
)

var typeNames = [...]string{"BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}

// String is Kafka's name of the type, in capitals.
func (t Type) String() string { return typeNames[t] }

// Importance is how likely a user needs a key.
type Importance int8

// The importances.
const (
	High Importance = iota
	Medium
	Low
)

// String is high, medium or low.
func (i Importance) String() string { return [...]string{"high", "medium", "low"}[i] }

// UpdateMode tells whether and where a broker key may be changed while the broker runs.
type UpdateMode int8

// The update modes.
const (
	ReadOnly    UpdateMode = iota // only with a restart
	PerBroker                     // for one broker
	ClusterWide                   // for one broker or for all
)

// String is read-only, per-broker or cluster-wide.
func (u UpdateMode) String() string { return [...]string{"read-only", "per-broker", "cluster-wide"}[u] }

// Key describes a broker or topic key. Nobody may change a Key.
type Key struct {
	Name       string
	Type       Type
	Default    string // in the form of a properties file; meaningless unless HasDefault
	HasDefault bool
	Required   bool
	Valid      Validator // nil: every value of the type is valid
	Importance Importance
	Update     UpdateMode // broker keys only
	// NoEffect marks keys that are accepted, checked and shown but change nothing in this broker.
	NoEffect bool
	// DynamicOnly marks the keys that Kafka knows only as dynamic configs, never in a file.
	DynamicOnly bool
	// ServerKey is, for a topic key, the broker key that supplies its default.
	ServerKey string
	// Doc says what the key is for, in one or two sentences.
	Doc string

	broker func(*Broker) any // pointer to the field of a broker key
	topic  func(*Topic) any  // pointer to the field of a topic key
}

// Sensitive tells whether the value must not be shown.
func (k *Key) Sensitive() bool { return k.Type == Password }

type keyIndex struct {
	broker, topic map[string]*Key
}

// index is built once on first use and never changed.
// Maps to the elements of the tables, which stay where they are.
var index = sync.OnceValue(func() keyIndex {
	x := keyIndex{broker: make(map[string]*Key, len(brokerKeys)), topic: make(map[string]*Key, len(topicKeys))}
	for i := range brokerKeys {
		x.broker[brokerKeys[i].Name] = &brokerKeys[i]
	}
	for i := range topicKeys {
		x.topic[topicKeys[i].Name] = &topicKeys[i]
	}
	return x
})

// BrokerKeys lists the keys of the broker: Kafka 2.5.0's 207 in the order of their names, then the
// three dynamic-only ones. The slice and its elements are shared; nobody may change them.
func BrokerKeys() []Key { return brokerKeys[:] }

// TopicKeys lists the 26 topic keys of Kafka 2.5.0 in the order of their names. The slice is
// shared; nobody may change it.
func TopicKeys() []Key { return topicKeys[:] }

// BrokerKey finds a broker key.
func BrokerKey(name string) (*Key, bool) {
	k, ok := index().broker[name]
	return k, ok
}

// TopicKey finds a topic key.
func TopicKey(name string) (*Key, bool) {
	k, ok := index().topic[name]
	return k, ok
}
