package protocol

import "encoding/binary"

// FetchRequest is the body of a Fetch request, v0-v11, with the defaults of the fields that its
// version does not have. Byte fields alias the body it was decoded from. A value can be decoded
// into again; it keeps its slices.
type FetchRequest struct {
	ReplicaID    int32 // -1 consumer, -2 debugging consumer, else a follower
	MaxWaitMs    int32
	MinBytes     int32
	MaxBytes     int32 // v3+, before 2147483647
	Isolation    int8  // v4+: 0 read uncommitted, 1 read committed
	SessionID    int32 // v7+, before 0
	SessionEpoch int32 // v7+, before -1
	Topics       []FetchTopic
	Partitions   []FetchPartition // of all topics, in the order of the request
	Forgotten    []ForgottenTopic // v7+
	RackID       []byte           // v11+
}

// FetchTopic is a topic and the number of its partitions, which follow each other in Partitions.
type FetchTopic struct {
	Name  []byte
	Count int
}

// FetchPartition is a partition to fetch.
type FetchPartition struct {
	Index              int32
	CurrentLeaderEpoch int32 // v9+, before -1
	FetchOffset        int64
	LogStartOffset     int64 // v5+, before -1; of a follower
	MaxBytes           int32
}

// ForgottenTopic is a partition to drop from the session.
type ForgottenTopic struct {
	Name  []byte
	Index int32
}

// Decode reads the body.
func (f *FetchRequest) Decode(version int16, body []byte) error {
	r := readerOf(body)
	f.Topics, f.Partitions, f.Forgotten, f.RackID = f.Topics[:0], f.Partitions[:0], f.Forgotten[:0], nil
	f.MaxBytes, f.Isolation, f.SessionID, f.SessionEpoch = 1<<31-1, 0, 0, -1
	f.ReplicaID = r.Int32()
	f.MaxWaitMs = r.Int32()
	f.MinBytes = r.Int32()
	if version >= 3 {
		f.MaxBytes = r.Int32()
	}
	if version >= 4 {
		f.Isolation = r.Int8()
	}
	if version >= 7 {
		f.SessionID = r.Int32()
		f.SessionEpoch = r.Int32()
	}
	// The least that a partition takes: index 4, fetch offset 8, max bytes 4. A number of
	// partitions that cannot fit into what is left is refused before anything is allocated.
	size := 16
	if version >= 5 {
		size += 8
	}
	if version >= 9 {
		size += 4
	}
	// A topic takes 6 bytes at least: the length of its name, and the number of its partitions.
	for topics := r.count(6); topics > 0; topics-- {
		name := r.str()
		n := r.count(size)
		if r.Err != nil {
			break
		}
		f.Topics = append(f.Topics, FetchTopic{Name: name, Count: n})
		for ; n > 0; n-- {
			p := FetchPartition{Index: r.Int32(), CurrentLeaderEpoch: -1, LogStartOffset: -1}
			if version >= 9 {
				p.CurrentLeaderEpoch = r.Int32()
			}
			p.FetchOffset = r.Int64()
			if version >= 5 {
				p.LogStartOffset = r.Int64()
			}
			p.MaxBytes = r.Int32()
			f.Partitions = append(f.Partitions, p)
		}
	}
	if version >= 7 {
		for topics := r.count(6); topics > 0; topics-- {
			name := r.str()
			for n := r.count(4); n > 0; n-- {
				f.Forgotten = append(f.Forgotten, ForgottenTopic{Name: name, Index: r.Int32()})
			}
		}
	}
	if version >= 11 {
		f.RackID = r.str()
	}
	return r.err("Fetch", version)
}

// Release drops what aliases the request's frame.
func (f *FetchRequest) Release() {
	// Names alias the frame, which the network uses again; the partitions are plain numbers and may
	// stay.
	clear(f.Topics)
	clear(f.Forgotten)
	f.RackID = nil
	f.Topics, f.Partitions, f.Forgotten = f.Topics[:0], f.Partitions[:0], f.Forgotten[:0]
}

// Aborted is an aborted transaction that overlaps the records returned.
type Aborted struct {
	ProducerID  int64
	FirstOffset int64
}

// FetchPartitionResponse is the answer for one partition without its records, of which it has the
// size.
type FetchPartitionResponse struct {
	Index                int32
	ErrorCode            int16
	HighWatermark        int64
	LastStableOffset     int64     // v4+
	LogStartOffset       int64     // v5+
	Aborted              []Aborted // v4+, sent when Committed
	Committed            bool      // v4+: the request reads committed records, so Aborted is not null
	PreferredReadReplica int32     // v11+
	RecordsSize          int
}

// AppendFetchHead appends the fields before the topics of a Fetch response.
func AppendFetchHead(dst []byte, version int16, throttleMs int32, errorCode int16, sessionID int32) []byte {
	if version >= 1 {
		dst = AppendThrottle(dst, throttleMs)
	}
	if version >= 7 {
		dst = binary.BigEndian.AppendUint16(dst, uint16(errorCode))
		dst = binary.BigEndian.AppendUint32(dst, uint32(sessionID))
	}
	return dst
}

// AppendFetchPartition appends everything of a partition but its records, which must follow with
// exactly RecordsSize bytes.
func AppendFetchPartition(dst []byte, version int16, p *FetchPartitionResponse) []byte {
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(p.Index))
	dst = be.AppendUint16(dst, uint16(p.ErrorCode))
	dst = be.AppendUint64(dst, uint64(p.HighWatermark))
	if version >= 4 {
		dst = be.AppendUint64(dst, uint64(p.LastStableOffset))
		if version >= 5 {
			dst = be.AppendUint64(dst, uint64(p.LogStartOffset))
		}
		if p.Committed {
			dst = be.AppendUint32(dst, uint32(len(p.Aborted)))
			for _, a := range p.Aborted {
				dst = be.AppendUint64(dst, uint64(a.ProducerID))
				dst = be.AppendUint64(dst, uint64(a.FirstOffset))
			}
		} else {
			// null, which is not the same as none: see FetchPartitionResponse.Committed.
			dst = be.AppendUint32(dst, 0xffffffff)
		}
		if version >= 11 {
			dst = be.AppendUint32(dst, uint32(p.PreferredReadReplica))
		}
	}
	return be.AppendUint32(dst, uint32(p.RecordsSize))
}
