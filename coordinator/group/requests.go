package group

import (
	"momus/internal/kerr"
	"momus/internal/model"
)

// Protocol is one assignment protocol that a member offers: its name and the member's metadata for
// it.
type Protocol struct {
	Name     string
	Metadata []byte
}

// aboutGroup is an event that names its group.
type aboutGroup interface{ about() string }

func (r *JoinRequest) about() string          { return r.Group }
func (r *SyncRequest) about() string          { return r.Group }
func (r *HeartbeatRequest) about() string     { return r.Group }
func (r *LeaveRequest) about() string         { return r.Group }
func (r *CommitRequest) about() string        { return r.Group }
func (r *FetchOffsetsRequest) about() string  { return r.Group }
func (r *DeleteOffsetsRequest) about() string { return r.Group }
func (r describe) about() string              { return r.group }
func (r deleteGroup) about() string           { return r.group }

// JoinRequest is JoinGroup.
type JoinRequest struct {
	Group              string
	MemberID           string
	InstanceID         *string // KIP-345
	ClientID           string
	ClientHost         string // as Kafka prints it: /127.0.0.1
	RequireKnownMember bool   // KIP-394: version 4 and later without an instance id
	RebalanceTimeoutMs int32
	SessionTimeoutMs   int32
	ProtocolType       string
	Protocols          []Protocol

	newMemberID string // what a member without an id is to be called; drawn by the Coordinator: the core has no random source
}

// JoinMember is a member as the leader sees it in the answer to its join.
type JoinMember struct {
	MemberID   string
	InstanceID *string
	Metadata   []byte
}

// JoinResult answers a JoinRequest. Generation is -1 and Members empty on error. ProtocolType and
// Protocol are nil when there is none.
type JoinResult struct {
	Err          *kerr.Error
	Generation   int32
	ProtocolType *string
	Protocol     *string
	Leader       string
	MemberID     string
	Members      []JoinMember
}

// MemberAssignment is what the leader assigns to a member.
type MemberAssignment struct {
	MemberID   string
	Assignment []byte
}

// SyncRequest is SyncGroup. ProtocolType and Protocol are nil before version 5.
type SyncRequest struct {
	Group        string
	Generation   int32
	MemberID     string
	InstanceID   *string
	ProtocolType *string
	Protocol     *string
	Assignments  []MemberAssignment
}

// SyncResult answers a SyncRequest.
type SyncResult struct {
	Err          *kerr.Error
	ProtocolType *string
	Protocol     *string
	Assignment   []byte
}

// HeartbeatRequest is Heartbeat.
type HeartbeatRequest struct {
	Group      string
	Generation int32
	MemberID   string
	InstanceID *string
}

// LeavingMember names a member that leaves: by member id, by instance id, or by both.
type LeavingMember struct {
	MemberID   string
	InstanceID *string
}

// LeaveRequest is LeaveGroup; versions 0 to 2 name one member.
type LeaveRequest struct {
	Group   string
	Members []LeavingMember
}

// LeaveResult answers a LeaveRequest: Err at the top, or else one entry per member in the order
// asked.
type LeaveResult struct {
	Err     *kerr.Error
	Members []LeaveMemberResult
}

// LeaveMemberResult is the outcome for one member.
type LeaveMemberResult struct {
	LeavingMember
	Err *kerr.Error
}

// Offset is one offset to commit. LeaderEpoch is -1 when not given. CommitTimestamp and
// ExpireTimestamp are -1 when not given: the commit counts as made now, and expires by the group's
// rule.
type Offset struct {
	TP              model.TopicPartition
	Offset          int64
	LeaderEpoch     int32
	Metadata        string
	CommitTimestamp int64 // ms; version 1 only
	ExpireTimestamp int64 // ms; from retention_time of versions 2 to 4
}

// CommitRequest is OffsetCommit from version 1 on, and TxnOffsetCommit when ProducerID is not -1.
// Generation is -1 and MemberID "" for commits outside of the group protocol.
type CommitRequest struct {
	Group         string
	Generation    int32
	MemberID      string
	InstanceID    *string
	ProducerID    int64 // -1: not transactional
	ProducerEpoch int16
	Offsets       []Offset
}

// CommitResult answers a CommitRequest: one error (or nil) per offset, in order.
type CommitResult struct {
	Errs []*kerr.Error
}

// FetchOffsetsRequest is OffsetFetch from version 1 on. Partitions nil with All asks for all
// offsets of the group.
type FetchOffsetsRequest struct {
	Group         string
	All           bool
	Partitions    []model.TopicPartition
	RequireStable bool // KIP-447: UNSTABLE_OFFSET_COMMIT while a commit is pending
}

// FetchedOffset is one committed offset; Offset is -1 and Metadata "" if there is none or Err is
// set.
type FetchedOffset struct {
	TP          model.TopicPartition
	Offset      int64
	LeaderEpoch int32
	Metadata    string
	Err         *kerr.Error
}

// FetchOffsetsResult answers a FetchOffsetsRequest: Err for the whole group, or the offsets: in the
// order asked, or sorted for All.
type FetchOffsetsResult struct {
	Err     *kerr.Error
	Offsets []FetchedOffset
}

// Description is a group as DescribeGroups shows it.
type Description struct {
	Err          *kerr.Error
	Group        string
	State        string
	ProtocolType string
	Protocol     string
	Members      []MemberDescription
}

// MemberDescription is a member as DescribeGroups shows it.
type MemberDescription struct {
	MemberID   string
	InstanceID *string
	ClientID   string
	ClientHost string
	Metadata   []byte
	Assignment []byte
}

// Listing is a group as ListGroups shows it.
type Listing struct {
	Group        string
	ProtocolType string
}

// ListResult answers List. Groups may be given beside Err: COORDINATOR_LOAD_IN_PROGRESS with the
// groups loaded so far.
type ListResult struct {
	Err    *kerr.Error
	Groups []Listing
}

// DeleteOffsetsRequest is OffsetDelete (KIP-496).
type DeleteOffsetsRequest struct {
	Group      string
	Partitions []model.TopicPartition
}

// DeleteOffsetsResult answers a DeleteOffsetsRequest: Err for the whole group, or one error (or
// nil) per partition, in order.
type DeleteOffsetsResult struct {
	Err  *kerr.Error
	Errs []*kerr.Error
}
