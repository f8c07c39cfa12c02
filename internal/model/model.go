// Package model holds the vocabulary that all packages share: topic-partitions, brokers and their
// endpoints, leadership records, names of internal topics. Values without behaviour beyond parsing
// and printing; nothing here does I/O.
package model

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Names of the internal topics; Kafka 2.5 has exactly these two.
const (
	OffsetsTopic     = "__consumer_offsets"
	TransactionTopic = "__transaction_state"
)

// IsInternalTopic tells whether topic is one of Kafka's internal topics.
func IsInternalTopic(topic string) bool { return topic == OffsetsTopic || topic == TransactionTopic }

// Special leader values of a partition.
const (
	NoLeader           int32 = -1 // the partition is offline
	LeaderDuringDelete int32 = -2 // UpdateMetadata only: the partition is being deleted
)

// NoEpoch is the leader epoch of a partition that never had a leader, and "not given" in requests.
const NoEpoch int32 = -1

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String is Kafka's form, also the name of the partition's directory: topic-partition.
func (tp TopicPartition) String() string {
	return tp.Topic + "-" + strconv.Itoa(int(tp.Partition))
}

// Compare orders by topic, then partition; the result is that of cmp.Compare.
func (tp TopicPartition) Compare(o TopicPartition) int {
	if tp.Topic != o.Topic {
		return strings.Compare(tp.Topic, o.Topic)
	}
	return cmp.Compare(tp.Partition, o.Partition)
}

// Less reports whether tp comes before o in the order of Compare.
func (tp TopicPartition) Less(o TopicPartition) bool { return tp.Compare(o) < 0 }

// ParseTopicPartition splits topic-partition at the last dash.
func ParseTopicPartition(s string) (TopicPartition, error) {
	i := strings.LastIndexByte(s, '-')
	if i <= 0 || i == len(s)-1 {
		return TopicPartition{}, fmt.Errorf("%q is not of the form topic-partition", s)
	}
	p, err := strconv.ParseInt(s[i+1:], 10, 32)
	if err != nil {
		return TopicPartition{}, fmt.Errorf("%q is not of the form topic-partition: %w", s, err)
	}
	return TopicPartition{Topic: s[:i], Partition: int32(p)}, nil
}

// SecurityProtocol is the number Kafka uses for a listener's protocol.
type SecurityProtocol int16

// The security protocols.
const (
	Plaintext     SecurityProtocol = 0
	SSL           SecurityProtocol = 1
	SASLPlaintext SecurityProtocol = 2
	SASLSSL       SecurityProtocol = 3
)

var protocolNames = [...]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

// String is Kafka's name of the protocol.
func (p SecurityProtocol) String() string {
	if p < 0 || int(p) >= len(protocolNames) {
		return "UNKNOWN(" + strconv.Itoa(int(p)) + ")"
	}
	return protocolNames[p]
}

// ParseSecurityProtocol accepts Kafka's names in any case.
func ParseSecurityProtocol(s string) (SecurityProtocol, error) {
	for i, n := range protocolNames {
		if strings.EqualFold(n, s) {
			return SecurityProtocol(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not a security protocol; valid are %s", s, strings.Join(protocolNames[:], ", "))
}

// Endpoint is one address of a broker: a listener name, its protocol, host and port.
type Endpoint struct {
	Listener string
	Protocol SecurityProtocol
	Host     string
	Port     int32
}

// String is Kafka's form: LISTENER://host:port, IPv6 hosts in brackets.
func (e Endpoint) String() string {
	host := e.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return e.Listener + "://" + host + ":" + strconv.Itoa(int(e.Port))
}

// Broker is a registered broker. Epoch is the czxid of its znode (KIP-380). Rack is "" when it has
// none.
type Broker struct {
	ID        int32
	Rack      string
	Endpoints []Endpoint
	Epoch     int64
}

// Endpoint finds the broker's address on a listener.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) {
	for _, e := range b.Endpoints {
		if e.Listener == listener {
			return e, true
		}
	}
	return Endpoint{}, false
}

// LeaderAndISR is the leadership record of a partition, as in its state znode. ControllerEpoch is
// that of the controller that made the last leadership decision; ZKVersion is the znode's data
// version.
type LeaderAndISR struct {
	Leader          int32
	LeaderEpoch     int32
	ISR             []int32
	ControllerEpoch int32
	ZKVersion       int32
}

// Assignment lists the replicas of a partition; the first is the preferred leader. Adding and
// Removing are those of a reassignment in progress (KIP-455), subsets of Replicas.
type Assignment struct {
	Replicas []int32
	Adding   []int32
	Removing []int32
}

// JavaHash is String.hashCode of Java: over UTF-16 code units, wrapping at 32 bits.
func JavaHash(s string) int32 {
	var h int32
	for _, r := range s {
		if r1, r2 := utf16.EncodeRune(r); r1 != '�' {
			h = 31*(31*h+r1) + r2
		} else {
			h = 31*h + r
		}
	}
	return h
}

// PartitionForKey is the partition of an internal topic with n partitions that owns a group or
// transactional id.
func PartitionForKey(key string, n int32) int32 {
	h := JavaHash(key)
	if h == -1<<31 {
		return 0
	}
	if h < 0 {
		h = -h
	}
	return h % n
}
