package journal

import (
	"strconv"
	"time"

	"momus/internal/model"
)

// Entry is one thing that happened. Which of the fields a kind uses is said in the table of kinds;
// the others are zero.
type Entry struct {
	// ID counts the entries of a broker from 1; 0 is no entry. Cause is an earlier entry of the
	// same broker, 0 if the cause is not known here. Broker recorded it, at Time.
	ID, Cause uint64
	Time      time.Time
	Broker    int32

	Kind   Kind
	Reason Reason

	// Name is the subject: a topic, group, transactional id, directory or config entity. Partition
	// counts only when the kind is about a partition. About is the other broker: a leader, a
	// follower, one that died.
	Name      string
	Partition int32
	About     int32
	// ControllerEpoch and LeaderEpoch join entries of several brokers; in entries of groups
	// LeaderEpoch is the generation.
	ControllerEpoch, LeaderEpoch int32

	// From and To are broker ids before and after: in-sync replicas, assignments. They are not
	// changed after they were recorded.
	From, To []int32
	// Who is a member, client or principal; Old and New are values before and after, or a state and
	// what follows.
	Who, Old, New string

	Offset int64 // in a log
	Count  int64 // records, bytes, partitions or members
	Took   time.Duration
	Number int64 // a ZooKeeper session, producer id or broker epoch
}

// TP is the subject of an entry about a partition.
func (e *Entry) TP() model.TopicPartition {
	return model.TopicPartition{Topic: e.Name, Partition: e.Partition}
}

// Ref names an entry among those of all brokers.
type Ref struct {
	Broker int32
	ID     uint64
}

// Ref is the name of the entry.
func (e *Entry) Ref() Ref { return Ref{e.Broker, e.ID} }

// String is broker:id.
func (r Ref) String() string {
	return strconv.Itoa(int(r.Broker)) + ":" + strconv.FormatUint(r.ID, 10)
}

// Bounds of what an entry keeps.
const (
	maxText    = 160 // bytes of each text
	maxBrokers = 16  // ids of each list
)

// bound cuts what would make an entry large: names from outside may be long.
func (e *Entry) bound() {
	for _, s := range []*string{&e.Name, &e.Who, &e.Old, &e.New} {
		*s = cut(*s)
	}
	e.From, e.To = e.From[:min(len(e.From), maxBrokers)], e.To[:min(len(e.To), maxBrokers)]
}

// cut shortens a text to maxText bytes at the border of a character. A short text is copied when it
// may be part of a larger buffer's memory: that is for the caller to know, who hands over strings
// that it may keep.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText - len("…")
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
