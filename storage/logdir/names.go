package logdir

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"momus/internal/kerr"
	"momus/internal/model"
)

// kind says what a partition directory holds.
type kind int8

const (
	current  kind = iota // TOPIC-PARTITION
	deleting             // TOPIC-PARTITION.UUID-delete
	future               // TOPIC-PARTITION.UUID-future
)

const (
	deleteSuffix = "-delete"
	futureSuffix = "-future"
	// maxName is the longest name that file systems take.
	maxName = 255
)

// parseName reads the name of a directory in a log directory.
func parseName(name string) (model.TopicPartition, kind, error) {
	k := current
	rest := name
	for suffix, suffixKind := range map[string]kind{deleteSuffix: deleting, futureSuffix: future} {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		k = suffixKind
		dot := strings.LastIndexByte(name, '.')
		// Kafka's pattern ^(\S+)-(\S+)\.(\S+)-delete$: no blanks, and something between the dot and
		// the suffix.
		if dot < 0 || dot+1 >= len(name)-len(suffix) || strings.ContainsAny(name, " \t\n\r\v\f") {
			return model.TopicPartition{}, 0, fmt.Errorf("%q is not of the form topic-partition.uuid%s", name, suffix)
		}
		rest = name[:dot]
	}
	tp, err := model.ParseTopicPartition(rest)
	if err != nil {
		return model.TopicPartition{}, 0, err
	}
	return tp, k, nil
}

// deleteName is a new name for a partition that is to be deleted; the topic is cut so that it fits.
func deleteName(tp model.TopicPartition) string {
	suffix := fmt.Sprintf("-%d.%s%s", tp.Partition, newUUID(), deleteSuffix)
	topic := tp.Topic
	if len(topic)+len(suffix) > maxName {
		// Topics are ASCII, so that no character is cut in two. What is left of the name need not
		// say which topic it was.
		topic = topic[:maxName-len(suffix)]
	}
	return topic + suffix
}

// futureName is a new name for the copy of a partition. A name that is too long is
// INVALID_TOPIC_EXCEPTION.
func futureName(tp model.TopicPartition) (string, error) {
	name := fmt.Sprintf("%s.%s%s", tp, newUUID(), futureSuffix)
	if len(name) > maxName {
		return "", fmt.Errorf("the directory name of a copy of %s would exceed %d characters: %w", tp, maxName, kerr.InvalidTopicException)
	}
	return name, nil
}

// newUUID is a random (version 4) UUID as 32 hexadecimal digits.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return hex.EncodeToString(b[:])
}
