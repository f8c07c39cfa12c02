package dumplog

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// textDecoder makes text of key and value; nil is printed as nothing at all.
type textDecoder func(key, value []byte) (keyText, valueText *string)

// decoder is nil when no data are to be printed.
func (d *dump) decoder() (textDecoder, error) {
	switch {
	case d.o.Has("offsets-decoder"):
		return decodeOffsetsRecord, nil
	case d.o.Has("transaction-log-decoder"):
		return decodeTransactionRecord, nil
	case !d.o.Any("print-data-log", "value-decoder-class", "key-decoder-class"):
		return nil, nil
	}
	var kinds [2]func([]byte) string
	for i, name := range []string{"key-decoder-class", "value-decoder-class"} {
		class, err := d.o.One(name)
		if err != nil {
			return nil, err
		}
		switch class {
		case "", "kafka.serializer.StringDecoder":
			kinds[i] = java.UTF8
		case "kafka.serializer.DefaultDecoder":
			// Java prints an array's address; a checksum instead lets equal bytes print alike.
			kinds[i] = func(b []byte) string { return fmt.Sprintf("[B@%x", crc32.ChecksumIEEE(b)) }
		case "kafka.serializer.LongDecoder":
			kinds[i] = func(b []byte) string {
				// Kafka's decoder dies of fewer bytes; here they are shown as they are.
				if len(b) < 8 {
					return java.UTF8(b)
				}
				return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10)
			}
		case "kafka.serializer.IntegerDecoder":
			kinds[i] = func(b []byte) string {
				if len(b) < 4 {
					return java.UTF8(b)
				}
				return strconv.Itoa(int(int32(binary.BigEndian.Uint32(b))))
			}
		default:
			return nil, &java.Error{Class: "java.lang.ClassNotFoundException", Text: class}
		}
	}
	return func(key, value []byte) (k, v *string) {
		if key != nil {
			k = kmsg.StringPtr(kinds[0](key))
		}
		if value != nil {
			v = kmsg.StringPtr(kinds[1](value))
		}
		return k, v
	}, nil
}

// texts are a key and a value that are both there.
func texts(key, value string) (*string, *string) { return &key, &value }

// decodeOffsetsRecord reads a record of __consumer_offsets.
func decodeOffsetsRecord(key, value []byte) (*string, *string) {
	if len(key) < 2 {
		return texts("<unreadable>", "<unreadable>")
	}
	switch version := binary.BigEndian.Uint16(key); version {
	case 0, 1:
		k, v := kmsg.NewOffsetCommitKey(), kmsg.NewOffsetCommitValue()
		return decode(key, value, &k, &v, func() string {
			return fmt.Sprintf("offset_commit::group=%s,partition=%s-%d", k.Group, k.Topic, k.Partition)
		}, func() string {
			if v.Metadata == "" {
				return fmt.Sprintf("offset=%d", v.Offset)
			}
			return fmt.Sprintf("offset=%d,metadata=%s", v.Offset, v.Metadata)
		})
	case 2:
		k, v := kmsg.NewGroupMetadataKey(), kmsg.NewGroupMetadataValue()
		return decode(key, value, &k, &v, func() string { return "group_metadata::group=" + k.Group }, func() string { return groupJSON(&v) })
	default:
		return texts(fmt.Sprintf("unknown::version=%d", version), "")
	}
}

// decode reads a record into k and v, and gives what head shows of its key and tail of its value; a
// tombstone, and what cannot be read, have words of their own.
func decode(key, value []byte, k, v interface{ ReadFrom([]byte) error }, head, tail func() string) (*string, *string) {
	switch {
	case k.ReadFrom(key) != nil:
		return texts("<unreadable>", "<unreadable>")
	case value == nil:
		return texts(head(), "<DELETE>")
	case v.ReadFrom(value) != nil:
		return texts(head(), "<unreadable>")
	}
	return texts(head(), tail())
}

// groupJSON is a group's record as Kafka's OffsetsMessageFormatter shows it in a dump: assignments
// of consumers by their partitions, others in hexadecimal.
func groupJSON(v *kmsg.GroupMetadataValue) string {
	var members []string
	for _, m := range v.Members {
		// To a broker an assignment is only bytes. Consumers put topics and partitions there;
		// Connect and others have formats of their own.
		var as kmsg.ConsumerMemberAssignment
		if v.ProtocolType != "consumer" || as.ReadFrom(m.Assignment) != nil {
			members = append(members, fmt.Sprintf("%s=%x", m.MemberID, m.Assignment))
			continue
		}
		var tps []string
		for _, t := range as.Topics {
			for _, p := range t.Partitions {
				tps = append(tps, fmt.Sprintf("%s-%d", t.Topic, p))
			}
		}
		text := m.MemberID + "=[" + strings.Join(tps, ", ") + "]"
		if len(as.UserData) > 0 {
			text += fmt.Sprintf(":%x", as.UserData)
		}
		members = append(members, text)
	}
	out, err := json.Marshal(struct {
		ProtocolType string  `json:"protocolType"`
		Protocol     *string `json:"protocol"`
		Generation   int32   `json:"generationId"`
		Assignment   string  `json:"assignment"`
	}{v.ProtocolType, v.Protocol, v.Generation, "{" + strings.Join(members, ",") + "}"})
	if err != nil {
		return "<unreadable>"
	}
	return string(out)
}

// decodeTransactionRecord reads a record of __transaction_state.
func decodeTransactionRecord(key, value []byte) (*string, *string) {
	k, v := kmsg.NewTxnMetadataKey(), kmsg.NewTxnMetadataValue()
	return decode(key, value, &k, &v, func() string { return "transaction_metadata::transactionalId=" + k.TransactionalID }, func() string { return transactionText(&v) })
}

// transactionText is a transaction's record as Kafka shows it in a dump.
func transactionText(v *kmsg.TxnMetadataValue) string {
	var tps []string
	for _, t := range v.Topics {
		for _, p := range t.Partitions {
			tps = append(tps, fmt.Sprintf("%s-%d", t.Topic, p))
		}
	}
	return fmt.Sprintf("producerId:%d,producerEpoch:%d,state=%s,partitions=[%s],txnLastUpdateTimestamp=%d,txnTimeoutMs=%d",
		v.ProducerID, v.ProducerEpoch, core.TransactionState(int8(v.State)), strings.Join(tps, ","), v.LastUpdateTimestamp, v.TimeoutMillis)
}
