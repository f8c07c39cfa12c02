package protocol

import (
	"encoding/binary"
	"fmt"
)

// skim walks over a request body in compact encoding before kmsg decodes it. kmsg believes the
// number of tagged fields, which can keep it busy for minutes, and allocates an array by its length
// alone; after skim both are known to be true.
//
// A layout is the fields of a message: 1 2 4 8 are integers by size, s a string, y bytes, [...] an
// array of structures (each ends in tagged fields, as the message does), {.} an array of plain
// values.
func skim(key Key, version int16, body []byte) error {
	layout, ok := layouts(key, version)
	if !ok {
		return nil
	}
	return skimLayout(key, version, layout, body)
}

// SkimResponse does for the responses that brokers send each other what skim does for requests.
// Responses of other flexible versions are refused: none is asked for.
func SkimResponse(key Key, version int16, body []byte) error {
	api, ok := Lookup(key)
	if !ok || !api.IsFlexible(version) {
		return nil
	}
	switch key {
	case LeaderAndIsr, StopReplica:
		return skimLayout(key, version, "2[s42]", body)
	case UpdateMetadata:
		return skimLayout(key, version, "2", body)
	case ControlledShutdown:
		return skimLayout(key, version, "2[s4]", body)
	}
	return fmt.Errorf("%w: %s v%d is no response between brokers", ErrMalformed, Name(key), version)
}

func skimLayout(key Key, version int16, layout string, body []byte) error {
	s := skimmer{b: body}
	s.fields(layout)
	s.tags()
	if s.bad {
		return fmt.Errorf("%w: %s v%d", ErrMalformed, Name(key), version)
	}
	return nil
}

// layouts is the layout of a request in compact encoding; false for versions in the old one.
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

// skimmer is a position in a body. After the first error bad is set and nothing is left.
type skimmer struct {
	b   []byte
	bad bool
}

func (s *skimmer) skip(n uint64) {
	if n > uint64(len(s.b)) {
		s.bad, s.b = true, nil
		return
	}
	s.b = s.b[n:]
}

func (s *skimmer) uvarint() uint64 {
	v, n := binary.Uvarint(s.b)
	if n <= 0 || v > 1<<32-1 {
		s.bad, s.b = true, nil
		return 0
	}
	s.b = s.b[n:]
	return v
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
			if n := s.uvarint(); n > 1 {
				s.skip(n - 1)
			}
		case '[', '{':
			end := closing(layout)
			n := s.uvarint()
			for ; n > 1 && !s.bad; n-- {
				s.fields(layout[:end])
				if c == '[' {
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

func (s *skimmer) tags() {
	for n := s.uvarint(); n > 0 && !s.bad; n-- {
		s.uvarint()
		s.skip(s.uvarint())
	}
}
