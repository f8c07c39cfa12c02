package protocol

import (
	"encoding/binary"
	"fmt"
)

// skim walks over a request body before kmsg decodes it. kmsg believes the number of tagged fields,
// which can keep it busy for minutes, and allocates an array by its length alone; after skim both are
// known to be true, and the request to take no more memory than it may. In the old encoding, which
// has no tagged fields, a body of up to skimFrom cannot do much harm.
//
// A layout is the fields of a message: 1 2 4 8 are integers by size, s a string, y bytes, [...] an
// array of structures (each ends in tagged fields, as the message does, in compact encoding), {.} an
// array of plain values.
func skim(key Key, version int16, body []byte) error {
	if layout, ok := layouts(key, version); ok {
		return skimLayout(key, version, layout, body)
	}
	if len(body) <= skimFrom {
		return nil
	}
	s := skimmer{b: body, old: true}
	s.fields(oldLayout(key, version))
	return s.verdict(key, version, len(body))
}

// Bounds of what a decoded request may take. An element of an array may be encoded in one or two
// bytes, so that the largest request would be a thousand times as large when it is decoded; Java is
// not much better off.
const (
	// skimFrom is the size of a body in the old encoding up to which nothing has to be known of it.
	skimFrom = 16 << 10
	// maxDecoded is what every request may take. It is enough for an UpdateMetadata of 400,000
	// partitions.
	maxDecoded = 128 << 20
	// maxGrowth is by how much a larger one may be larger than its encoding.
	maxGrowth = 4
	// What an element of an array takes, with its share of the answer.
	structWeight = 256
	stringWeight = 128
)

// SkimResponse does for the responses that brokers send each other what skim does for requests.
// Responses of other flexible versions are refused: none is asked for.
func SkimResponse(key Key, version int16, body []byte) error {
	api, ok := Lookup(key)
	if !ok || !api.IsFlexible(version) {
		return nil
	}
	switch key {
	// Their answers alike: error, then topic, partition and error each.
	case LeaderAndIsr, StopReplica:
		return skimLayout(key, version, "2[s42]", body)
	case UpdateMetadata:
		return skimLayout(key, version, "2", body)
	case ControlledShutdown:
		return skimLayout(key, version, "2[s4]", body)
	}
	return fmt.Errorf("%w: %s v%d is no response between brokers", ErrMalformed, Name(key), version)
}

// skimLayout walks over a body by its layout, to find that it is whole before a decoder allocates
// for it.
func skimLayout(key Key, version int16, layout string, body []byte) error {
	s := skimmer{b: body}
	s.fields(layout)
	s.tags()
	return s.verdict(key, version, len(body))
}

// layouts is the layout of a request in compact encoding; false for versions in the old one. The
// layouts follow Kafka's schemas of the messages, version by version.
func layouts(key Key, version int16) (string, bool) {
	api, ok := Lookup(key)
	if !ok || !api.IsFlexible(version) {
		return "", false
	}
	switch key {
	case Metadata:
		return "[s]111", true
	case LeaderAndIsr:
		return "448[s[4444{4}4{4}{4}{4}1]][4s4]", true
	case StopReplica:
		return "4481[s{4}]", true
	case UpdateMetadata:
		return "448[s[4444{4}4{4}{4}]][4[4ss2]s]", true
	case ControlledShutdown:
		return "48", true
	case OffsetCommit:
		return "s4ss[s[484s]]", true
	case OffsetFetch:
		if version >= 7 {
			return "s[s{4}]1", true
		}
		return "s[s{4}]", true
	case FindCoordinator:
		return "s1", true
	case JoinGroup:
		return "s44sss[sy]", true
	case Heartbeat:
		return "s4ss", true
	case LeaveGroup:
		return "s[ss]", true
	case SyncGroup:
		if version >= 5 {
			return "s4ssss[sy]", true
		}
		return "s4ss[sy]", true
	case DescribeGroups:
		return "{s}1", true
	case ListGroups:
		return "", true
	case ApiVersions:
		return "ss", true
	case CreateTopics:
		return "[s42[4{4}][ss]]41", true
	case DeleteTopics:
		return "{s}4", true
	case InitProducerId:
		if version >= 3 {
			return "s482", true
		}
		return "s4", true
	case TxnOffsetCommit:
		return "ss824ss[s[484s]]", true
	case DescribeAcls:
		return "1s1ss11", true
	case CreateAcls, DeleteAcls:
		return "[1s1ss11]", true
	case SaslAuthenticate:
		return "y", true
	case CreatePartitions:
		return "[s4[{4}]]41", true
	case CreateDelegationToken:
		return "[ss]8", true
	case RenewDelegationToken, ExpireDelegationToken:
		return "y8", true
	case DescribeDelegationToken:
		return "[ss]", true
	case DeleteGroups:
		return "{s}", true
	case ElectLeaders:
		return "1[s{4}]4", true
	case IncrementalAlterConfigs:
		return "[1s[s1s]]1", true
	case AlterPartitionReassignments:
		return "4[s[4{4}]]", true
	case ListPartitionReassignments:
		return "4[s{4}]", true
	}
	return "", false
}

// oldLayout is the layout of a request in the old encoding; "" for those without arrays, and for
// Produce and Fetch, which are not decoded by kmsg.
func oldLayout(key Key, version int16) string {
	// since picks the layout of the latest version that is not later: each from its version on.
	since := func(layouts map[int16]string) string {
		for v := version; v >= 0; v-- {
			if layout, ok := layouts[v]; ok {
				return layout
			}
		}
		return ""
	}
	switch key {
	case ListOffsets:
		return since(map[int16]string{0: "4[s[484]]", 1: "4[s[48]]", 2: "41[s[48]]", 4: "41[s[448]]"})
	case Metadata:
		return since(map[int16]string{0: "[s]", 4: "[s]1", 8: "[s]111"})
	case LeaderAndIsr:
		return since(map[int16]string{0: "44[s4444{4}4{4}][4s4]", 1: "44[s4444{4}4{4}1][4s4]", 2: "448[s[4444{4}4{4}1]][4s4]", 3: "448[s[4444{4}4{4}{4}{4}1]][4s4]"})
	case StopReplica:
		return since(map[int16]string{0: "441[s4]", 1: "4481[s{4}]"})
	case UpdateMetadata:
		return since(map[int16]string{0: "44[s4444{4}4{4}][4s4]", 1: "44[s4444{4}4{4}][4[4s2]]", 2: "44[s4444{4}4{4}][4[4s2]s]", 3: "44[s4444{4}4{4}][4[4ss2]s]",
			4: "44[s4444{4}4{4}{4}][4[4ss2]s]", 5: "448[s[4444{4}4{4}{4}]][4[4ss2]s]"})
	case OffsetCommit:
		return since(map[int16]string{0: "s[s[48s]]", 1: "s4s[s[488s]]", 2: "s4s8[s[48s]]", 5: "s4s[s[48s]]", 6: "s4s[s[484s]]", 7: "s4ss[s[484s]]"})
	case OffsetFetch:
		return "s[s{4}]"
	case JoinGroup:
		return since(map[int16]string{0: "s4ss[sy]", 1: "s44ss[sy]", 5: "s44sss[sy]"})
	case LeaveGroup:
		return since(map[int16]string{3: "s[ss]"})
	case SyncGroup:
		return since(map[int16]string{0: "s4s[sy]", 3: "s4ss[sy]"})
	case DescribeGroups:
		return since(map[int16]string{0: "{s}", 3: "{s}1"})
	case CreateTopics:
		return since(map[int16]string{0: "[s42[4{4}][ss]]4", 1: "[s42[4{4}][ss]]41"})
	case DeleteTopics:
		return "{s}4"
	case DeleteRecords:
		return "[s[48]]4"
	case OffsetForLeaderEpoch:
		return since(map[int16]string{0: "[s[44]]", 2: "[s[444]]", 3: "4[s[444]]"})
	case AddPartitionsToTxn:
		return "s82[s{4}]"
	case WriteTxnMarkers:
		return "[821[s{4}]4]"
	case TxnOffsetCommit:
		return since(map[int16]string{0: "ss82[s[48s]]", 2: "ss82[s[484s]]"})
	case CreateAcls, DeleteAcls:
		return since(map[int16]string{0: "[1sss11]", 1: "[1s1ss11]"})
	case DescribeConfigs:
		return since(map[int16]string{0: "[1s{s}]", 1: "[1s{s}]1"})
	case AlterConfigs:
		return "[1s[ss]]1"
	case AlterReplicaLogDirs:
		return "[s[s{4}]]"
	case DescribeLogDirs:
		return "[s{4}]"
	case CreatePartitions:
		return "[s4[{4}]]41"
	case CreateDelegationToken:
		return "[ss]8"
	case DescribeDelegationToken:
		return "[ss]"
	case DeleteGroups:
		return "{s}"
	case ElectLeaders:
		return since(map[int16]string{0: "[s{4}]4", 1: "1[s{4}]4"})
	case IncrementalAlterConfigs:
		return "[1s[s1s]]1"
	case OffsetDelete:
		return "s[s[4]]"
	}
	return ""
}

// skimmer is a position in a body. After the first error bad is set and nothing is left.
type skimmer struct {
	b      []byte
	old    bool // the old encoding, without compact lengths and tagged fields
	bad    bool
	weight int // of what was passed, decoded
}

// verdict is what is wrong with a body of size bytes that was walked over.
func (s *skimmer) verdict(key Key, version int16, size int) error {
	if s.bad {
		return fmt.Errorf("%w: %s v%d", ErrMalformed, Name(key), version)
	}
	if most := max(maxDecoded, maxGrowth*size); s.weight > most {
		return fmt.Errorf("%w: %s v%d of %d bytes has so many elements that it would take more than %d bytes of memory", ErrMalformed, Name(key), version, size, most)
	}
	return nil
}

// n is compared as it came from the wire, so that no conversion can make a large one negative.
func (s *skimmer) skip(n uint64) {
	if n > uint64(len(s.b)) {
		s.bad, s.b = true, nil
		return
	}
	s.b = s.b[n:]
}

// uvarint reads an unsigned number of flexible versions; more than 32 bits is no length.
func (s *skimmer) uvarint() uint64 {
	v, n := binary.Uvarint(s.b)
	if n <= 0 || v > 1<<32-1 {
		s.bad, s.b = true, nil
		return 0
	}
	s.b = s.b[n:]
	return v
}

// length reads the number of bytes or elements of a string (of bytes or of an array in the old
// encoding: wide), 0 for null.
func (s *skimmer) length(wide bool) uint64 {
	if !s.old {
		// Compact lengths are one more than the length; 0 is null, 1 is empty.
		return max(s.uvarint(), 1) - 1
	}
	size := 2
	if wide {
		size = 4
	}
	if len(s.b) < size {
		s.bad, s.b = true, nil
		return 0
	}
	n := int32(int16(binary.BigEndian.Uint16(s.b)))
	if wide {
		n = int32(binary.BigEndian.Uint32(s.b))
	}
	s.b = s.b[size:]
	return uint64(max(n, 0))
}

// fields walks over the fields of layout.
func (s *skimmer) fields(layout string) {
	for layout != "" {
		c := layout[0]
		layout = layout[1:]
		switch c {
		case '1', '2', '4', '8':
			s.skip(uint64(c - '0'))
		case 's', 'y':
			n := s.length(c == 'y')
			s.skip(n)
			s.weight += int(n)
		case '[', '{':
			end := closing(layout)
			element := 8
			if c == '[' {
				element = structWeight
			} else if layout[0] == 's' {
				element = stringWeight
			}
			// Each round of the loop takes a byte at least or sets bad, so that a number of
			// elements that is not true ends with the body.
			for n := s.length(true); n > 0 && !s.bad; n-- {
				s.weight += element
				s.fields(layout[:end])
				if c == '[' && !s.old {
					s.tags()
				}
			}
			layout = layout[end+1:]
		}
	}
}

// closing is the position of the bracket that closes the one before layout.
func closing(layout string) int {
	depth := 1
	for i := range len(layout) {
		switch layout[i] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(layout)
}

// tags walks over tagged fields: number, then tag, size and bytes of each. All are skipped, since
// 2.5 has none in requests.
func (s *skimmer) tags() {
	for n := s.uvarint(); n > 0 && !s.bad; n-- {
		s.uvarint()
		s.skip(s.uvarint())
	}
}
