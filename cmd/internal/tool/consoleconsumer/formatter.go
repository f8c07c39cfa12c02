package consoleconsumer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// formatter prints messages of the console consumer.
type formatter interface {
	write(w io.Writer, r *kgo.Record) error
}

// newFormatter makes the formatter of a class of Kafka's; --property words are its settings.
func newFormatter(c *core.Call, class string, words []string, key, value string) (formatter, error) {
	props := map[string]string{}
	if err := core.KeyValues(words, props); err != nil {
		return nil, err
	}
	// The options win over --property, into which Kafka's tool puts them last.
	if key != "" {
		props["key.deserializer"] = key
	}
	if value != "" {
		props["value.deserializer"] = value
	}
	switch class {
	// The logging one prints the same and logs each message, below the level of Kafka's tools.
	case "kafka.tools.DefaultMessageFormatter", "kafka.tools.LoggingMessageFormatter":
		f, err := newDefaultFormatter(props)
		if err == nil && c.Terminal.Out { // Kafka 2.5 ignores these, and a pipe gets what it prints
			f.offset, f.headers = isTrue(props["print.offset"]), isTrue(props["print.headers"])
		}
		return f, err
	case "kafka.tools.NoOpMessageFormatter":
		return formatterFunc(func(io.Writer, *kgo.Record) error { return nil }), nil
	case "kafka.tools.ChecksumMessageFormatter":
		prefix := "checksum:"
		if t := props["topic"]; t != "" {
			prefix = t + ":" + prefix
		}
		return formatterFunc(func(w io.Writer, _ *kgo.Record) error {
			_, err := fmt.Fprintf(w, "%s0\n", prefix) // messages have no checksum of their own since Kafka 0.11
			return err
		}), nil
	case "kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter":
		return formatterFunc(formatOffset), nil
	case "kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter":
		return formatterFunc(formatGroup), nil
	case "kafka.coordinator.transaction.TransactionLog$TransactionLogMessageFormatter":
		return formatterFunc(formatTransaction), nil
	}
	return nil, &java.Error{Class: "java.lang.ClassNotFoundException", Text: class}
}

// formatterFunc is a formatter without settings.
type formatterFunc func(w io.Writer, r *kgo.Record) error

// write implements formatter.
func (f formatterFunc) write(w io.Writer, r *kgo.Record) error { return f(w, r) }

// defaultFormatter is kafka.tools.DefaultMessageFormatter.
type defaultFormatter struct {
	timestamp, key, value, partition bool
	offset, headers                  bool // as Kafka 2.7 prints them
	separator, end                   string
	readKey, readValue               deserializer // nil: bytes as they are
}

// newDefaultFormatter reads the settings of DefaultMessageFormatter of 2.5.
func newDefaultFormatter(props map[string]string) (*defaultFormatter, error) {
	f := &defaultFormatter{timestamp: isTrue(props["print.timestamp"]), key: isTrue(props["print.key"]), value: true, partition: isTrue(props["print.partition"]), separator: "\t", end: "\n"}
	if _, ok := props["print.value"]; ok {
		f.value = isTrue(props["print.value"])
	}
	if s, ok := props["key.separator"]; ok {
		f.separator = s
	}
	if s, ok := props["line.separator"]; ok {
		f.end = s
	}
	var err error
	if f.readKey, err = deserializerOf(props["key.deserializer"]); err != nil {
		return nil, err
	}
	f.readValue, err = deserializerOf(props["value.deserializer"])
	return f, err
}

// isTrue reads a property as Java's tools do: all that is not true is false, without an error.
func isTrue(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "true") }

// write prints the fields in Kafka's fixed order, a separator between them. A deserializer's
// failure leaves a line half written, there as here.
func (f *defaultFormatter) write(w io.Writer, r *kgo.Record) error {
	end := func(more bool) {
		if more {
			io.WriteString(w, f.separator)
		} else {
			io.WriteString(w, f.end)
		}
	}
	field := func(read deserializer, b []byte) error {
		// As in Kafka null is four letters that go through the deserializer: LongDeserializer then
		// fails over their number.
		if b == nil {
			b = []byte("null")
		}
		if read != nil {
			text, err := read(b)
			if err != nil {
				return err
			}
			b = []byte(text)
		}
		_, _ = w.Write(b) // the flush reports it
		return nil
	}
	if f.timestamp {
		switch r.Attrs.TimestampType() {
		case 0:
			fmt.Fprintf(w, "CreateTime:%d", r.Timestamp.UnixMilli())
		case 1:
			fmt.Fprintf(w, "LogAppendTime:%d", r.Timestamp.UnixMilli())
		default:
			io.WriteString(w, "NO_TIMESTAMP")
		}
		end(f.offset || f.headers || f.key || f.value)
	}
	if f.offset {
		fmt.Fprintf(w, "Offset:%d", r.Offset)
		end(f.headers || f.key || f.value)
	}
	if f.headers {
		text := "NO_HEADERS"
		for i, h := range r.Headers {
			if i == 0 {
				text = ""
			} else {
				text += ","
			}
			text += fmt.Sprintf("%s:%s", h.Key, h.Value)
		}
		io.WriteString(w, text)
		end(f.key || f.value)
	}
	if f.key {
		if err := field(f.readKey, r.Key); err != nil {
			return err
		}
		end(f.value)
	}
	if f.value {
		if err := field(f.readValue, r.Value); err != nil {
			return err
		}
		end(f.partition)
	}
	if f.partition {
		io.WriteString(w, strconv.Itoa(int(r.Partition)))
		io.WriteString(w, f.end)
	}
	return nil
}

// jsonMessage is a message as --json prints it.
type jsonMessage struct {
	Topic         string       `json:"topic"`
	Partition     int32        `json:"partition"`
	Offset        int64        `json:"offset"`
	Timestamp     int64        `json:"timestamp"` // ms
	TimestampType string       `json:"timestampType"`
	Headers       []jsonHeader `json:"headers"`
	Key           any          `json:"key"`
	Value         any          `json:"value"`
}

// jsonHeader is a header in --json; they are a list, since keys may repeat and their order counts.
type jsonHeader struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// jsonBytes is null, a string when the bytes are UTF-8, or else {"base64": "…"}.
func jsonBytes(b []byte) any {
	switch {
	case b == nil:
		return nil
	case utf8.Valid(b):
		return string(b)
	}
	return map[string][]byte{"base64": b}
}

// formatJSON prints a record as a line; bytes that are not UTF-8 are given in base64.
func formatJSON(w io.Writer, r *kgo.Record) error {
	m := jsonMessage{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), TimestampType: "CreateTime", Headers: []jsonHeader{},
		Key: jsonBytes(r.Key), Value: jsonBytes(r.Value)}
	if r.Attrs.TimestampType() == 1 {
		m.TimestampType = "LogAppendTime"
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, jsonHeader{h.Key, jsonBytes(h.Value)})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(m)
}

// deserializer gives the toString of what a Java deserializer makes of bytes.
type deserializer func(b []byte) (string, error)

// deserializerOf makes the deserializer of a class of Kafka's clients; other classes of Java cannot
// be run.
func deserializerOf(class string) (deserializer, error) {
	fixed := func(name string, size int, text func(b []byte) string) deserializer {
		return func(b []byte) (string, error) {
			if len(b) != size {
				return "", &java.Error{Class: java.ErrorsPackage + "SerializationException", Text: fmt.Sprintf("Size of data received by %s is not %d", name, size)}
			}
			return text(b), nil
		}
	}
	switch name := strings.TrimPrefix(class, "org.apache.kafka.common.serialization."); name {
	case "":
		return nil, nil
	case "StringDeserializer":
		return func(b []byte) (string, error) { return java.UTF8(b), nil }, nil
	case "LongDeserializer":
		return fixed(name, 8, func(b []byte) string { return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10) }), nil
	case "IntegerDeserializer":
		return fixed(name, 4, func(b []byte) string { return strconv.Itoa(int(int32(binary.BigEndian.Uint32(b)))) }), nil
	case "ShortDeserializer":
		return fixed(name, 2, func(b []byte) string { return strconv.Itoa(int(int16(binary.BigEndian.Uint16(b)))) }), nil
	case "DoubleDeserializer":
		return fixed("Deserializer", 8, func(b []byte) string { return java.Double(math.Float64frombits(binary.BigEndian.Uint64(b)), 64) }), nil
	case "FloatDeserializer":
		return fixed("Deserializer", 4, func(b []byte) string {
			return java.Double(float64(math.Float32frombits(binary.BigEndian.Uint32(b))), 32)
		}), nil
	case "ByteArrayDeserializer":
		// Java prints an array's address; a checksum instead lets equal bytes print alike.
		return func(b []byte) (string, error) { return fmt.Sprintf("[B@%x", crc32.ChecksumIEEE(b)), nil }, nil
	case "BytesDeserializer":
		return func(b []byte) (string, error) { return javaBytes(b), nil }, nil
	case "UUIDDeserializer":
		return func(b []byte) (string, error) { return string(b), nil }, nil
	}
	return nil, &java.Error{Class: "java.lang.ClassNotFoundException", Text: class}
}

// javaBytes is org.apache.kafka.common.utils.Bytes.toString.
func javaBytes(b []byte) string {
	var s strings.Builder
	for _, x := range b {
		if x < ' ' || x > '~' || x == '\\' {
			fmt.Fprintf(&s, `\x%02X`, x)
		} else {
			s.WriteByte(x)
		}
	}
	return s.String()
}

// formatOffset prints a record of __consumer_offsets that holds an offset; others are passed over.
func formatOffset(w io.Writer, r *kgo.Record) error {
	// The key begins with an int16: versions 0 and 1 are offsets, 2 is a group.
	if len(r.Key) < 2 || binary.BigEndian.Uint16(r.Key) > 1 {
		return nil
	}
	key := kmsg.NewOffsetCommitKey()
	if err := key.ReadFrom(r.Key); err != nil {
		return fmt.Errorf("key of an offset: %w", err)
	}
	v := kmsg.NewOffsetCommitValue()
	if there, err := readValue(w, r, fmt.Sprintf("[%s,%s,%d]", key.Group, key.Topic, key.Partition), "an offset", &v); !there {
		return err
	}
	epoch, expire := "Optional.empty", "None"
	// Version 3 brought the leader's epoch (KIP-320); version 1 alone has a time of expiry of its
	// own, which KIP-211 replaced.
	if v.Version >= 3 && v.LeaderEpoch >= 0 {
		epoch = fmt.Sprintf("Optional[%d]", v.LeaderEpoch)
	}
	if v.Version == 1 && v.ExpireTimestamp != -1 {
		expire = fmt.Sprintf("Some(%d)", v.ExpireTimestamp)
	}
	fmt.Fprintf(w, "[%s,%s,%d]::OffsetAndMetadata(offset=%d, leaderEpoch=%s, metadata=%s, commitTimestamp=%d, expireTimestamp=%s)\n",
		key.Group, key.Topic, key.Partition, v.Offset, epoch, v.Metadata, v.CommitTimestamp, expire)
	return nil
}

// readValue reads the value of a record of what key names; a tombstone, which is not there, is
// printed.
func readValue(w io.Writer, r *kgo.Record, key, what string, v interface{ ReadFrom([]byte) error }) (there bool, err error) {
	if r.Value == nil {
		fmt.Fprintf(w, "%s::NULL\n", key)
		return false, nil
	}
	if err := v.ReadFrom(r.Value); err != nil {
		return false, fmt.Errorf("value of %s: %w", what, err)
	}
	return true, nil
}

// formatGroup prints a record of __consumer_offsets that holds a group.
func formatGroup(w io.Writer, r *kgo.Record) error {
	if len(r.Key) < 2 || binary.BigEndian.Uint16(r.Key) != 2 {
		return nil
	}
	key := kmsg.NewGroupMetadataKey()
	if err := key.ReadFrom(r.Key); err != nil {
		return fmt.Errorf("key of a group: %w", err)
	}
	v := kmsg.NewGroupMetadataValue()
	if there, err := readValue(w, r, key.Group, "a group", &v); !there {
		return err
	}
	// The record has no state: Kafka derives it from the members when it loads a group. Options are
	// those of Scala, None or Some.
	state, protocolType := "Stable", "None"
	if len(v.Members) == 0 {
		state = "Empty"
	}
	if v.ProtocolType != "" {
		protocolType = "Some(" + v.ProtocolType + ")"
	}
	var members []string
	for _, m := range v.Members {
		// Every member supports the one protocol that the group has chosen; the record has no
		// others.
		protocols := ""
		if v.Protocol != nil {
			protocols = *v.Protocol
		}
		members = append(members, fmt.Sprintf("%s -> MemberMetadata(memberId=%s, groupInstanceId=Some(%s), clientId=%s, clientHost=%s, sessionTimeoutMs=%d, rebalanceTimeoutMs=%d, supportedProtocols=List(%s), )",
			m.MemberID, m.MemberID, core.StringOf(m.InstanceID), m.ClientID, m.ClientHost, m.SessionTimeoutMillis, m.RebalanceTimeoutMillis, protocols))
	}
	fmt.Fprintf(w, "%s::GroupMetadata(groupId=%s, generation=%d, protocolType=%s, currentState=%s, members=Map(%s))\n",
		key.Group, key.Group, v.Generation, protocolType, state, strings.Join(members, ", "))
	return nil
}

// formatTransaction prints a record of __transaction_state.
func formatTransaction(w io.Writer, r *kgo.Record) error {
	key := kmsg.NewTxnMetadataKey()
	if err := key.ReadFrom(r.Key); err != nil {
		return nil
	}
	v := kmsg.NewTxnMetadataValue()
	if there, err := readValue(w, r, key.TransactionalID, "a transaction", &v); !there {
		return err
	}
	fmt.Fprintf(w, "%s::%s\n", key.TransactionalID, transactionText(key.TransactionalID, &v))
	return nil
}

// transactionText is TransactionMetadata.toString of a record of __transaction_state.
func transactionText(id string, v *kmsg.TxnMetadataValue) string {
	var partitions []string
	for _, t := range v.Topics {
		for _, p := range t.Partitions {
			partitions = append(partitions, fmt.Sprintf("%s-%d", t.Topic, p))
		}
	}
	return fmt.Sprintf("TransactionMetadata(transactionalId=%s, producerId=%d, producerEpoch=%d, txnTimeoutMs=%d, state=%s, pendingState=None, topicPartitions=Set(%s), txnStartTimestamp=%d, txnLastUpdateTimestamp=%d)",
		id, v.ProducerID, v.ProducerEpoch, v.TimeoutMillis, core.TransactionState(int8(v.State)), strings.Join(partitions, ", "), v.StartTimestamp, v.LastUpdateTimestamp)
}
