// Package kerr is the list of Kafka's errors: code, name, message, whether a client may retry; and
// the one place where a Go error becomes a code (Of). It knows the codes of Kafka 2.5.0, -1 to 88,
// and none above: a 2.5 peer would read those as -1.
package kerr

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Error is one of Kafka's errors. The values below are the only ones; compare with errors.Is or ==.
type Error struct {
	Code      int16
	Name      string // UPPER_CASE, as in Kafka's protocol guide
	Message   string
	Retriable bool
}

// Error is the name followed by the message.
func (e *Error) Error() string { return e.Name + ": " + e.Message }

// Kafka's errors by name.
var (
	UnknownServerError                 = &Error{Code: -1, Name: "UNKNOWN_SERVER_ERROR", Message: "The server experienced an unexpected error when processing the request.", Retriable: false}
	OffsetOutOfRange                   = &Error{Code: 1, Name: "OFFSET_OUT_OF_RANGE", Message: "The requested offset is not within the range of offsets maintained by the server.", Retriable: false}
	CorruptMessage                     = &Error{Code: 2, Name: "CORRUPT_MESSAGE", Message: "This message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is otherwise corrupt.", Retriable: true}
	UnknownTopicOrPartition            = &Error{Code: 3, Name: "UNKNOWN_TOPIC_OR_PARTITION", Message: "This server does not host this topic-partition.", Retriable: true}
	InvalidFetchSize                   = &Error{Code: 4, Name: "INVALID_FETCH_SIZE", Message: "The requested fetch size is invalid.", Retriable: false}
	LeaderNotAvailable                 = &Error{Code: 5, Name: "LEADER_NOT_AVAILABLE", Message: "There is no leader for this topic-partition as we are in the middle of a leadership election.", Retriable: true}
	NotLeaderForPartition              = &Error{Code: 6, Name: "NOT_LEADER_FOR_PARTITION", Message: "This server is not the leader for that topic-partition.", Retriable: true}
	RequestTimedOut                    = &Error{Code: 7, Name: "REQUEST_TIMED_OUT", Message: "The request timed out.", Retriable: true}
	BrokerNotAvailable                 = &Error{Code: 8, Name: "BROKER_NOT_AVAILABLE", Message: "The broker is not available.", Retriable: false}
	ReplicaNotAvailable                = &Error{Code: 9, Name: "REPLICA_NOT_AVAILABLE", Message: "The replica is not available for the requested topic-partition.", Retriable: true}
	MessageTooLarge                    = &Error{Code: 10, Name: "MESSAGE_TOO_LARGE", Message: "The request included a message larger than the max message size the server will accept.", Retriable: false}
	StaleControllerEpoch               = &Error{Code: 11, Name: "STALE_CONTROLLER_EPOCH", Message: "The controller moved to another broker.", Retriable: false}
	OffsetMetadataTooLarge             = &Error{Code: 12, Name: "OFFSET_METADATA_TOO_LARGE", Message: "The metadata field of the offset request was too large.", Retriable: false}
	NetworkException                   = &Error{Code: 13, Name: "NETWORK_EXCEPTION", Message: "The server disconnected before a response was received.", Retriable: true}
	CoordinatorLoadInProgress          = &Error{Code: 14, Name: "COORDINATOR_LOAD_IN_PROGRESS", Message: "The coordinator is loading and hence can't process requests.", Retriable: true}
	CoordinatorNotAvailable            = &Error{Code: 15, Name: "COORDINATOR_NOT_AVAILABLE", Message: "The coordinator is not available.", Retriable: true}
	NotCoordinator                     = &Error{Code: 16, Name: "NOT_COORDINATOR", Message: "This is not the correct coordinator.", Retriable: true}
	InvalidTopicException              = &Error{Code: 17, Name: "INVALID_TOPIC_EXCEPTION", Message: "The request attempted to perform an operation on an invalid topic.", Retriable: false}
	RecordListTooLarge                 = &Error{Code: 18, Name: "RECORD_LIST_TOO_LARGE", Message: "The request included message batch larger than the configured segment size on the server.", Retriable: false}
	NotEnoughReplicas                  = &Error{Code: 19, Name: "NOT_ENOUGH_REPLICAS", Message: "Messages are rejected since there are fewer in-sync replicas than required.", Retriable: true}
	NotEnoughReplicasAfterAppend       = &Error{Code: 20, Name: "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Message: "Messages are written to the log, but to fewer in-sync replicas than required.", Retriable: true}
	InvalidRequiredAcks                = &Error{Code: 21, Name: "INVALID_REQUIRED_ACKS", Message: "Produce request specified an invalid value for required acks.", Retriable: false}
	IllegalGeneration                  = &Error{Code: 22, Name: "ILLEGAL_GENERATION", Message: "Specified group generation id is not valid.", Retriable: false}
	InconsistentGroupProtocol          = &Error{Code: 23, Name: "INCONSISTENT_GROUP_PROTOCOL", Message: "The group member's supported protocols are incompatible with those of existing members or first group member tried to join with empty protocol type or empty protocol list.", Retriable: false}
	InvalidGroupID                     = &Error{Code: 24, Name: "INVALID_GROUP_ID", Message: "The configured groupId is invalid.", Retriable: false}
	UnknownMemberID                    = &Error{Code: 25, Name: "UNKNOWN_MEMBER_ID", Message: "The coordinator is not aware of this member.", Retriable: false}
	InvalidSessionTimeout              = &Error{Code: 26, Name: "INVALID_SESSION_TIMEOUT", Message: "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms).", Retriable: false}
	RebalanceInProgress                = &Error{Code: 27, Name: "REBALANCE_IN_PROGRESS", Message: "The group is rebalancing, so a rejoin is needed.", Retriable: false}
	InvalidCommitOffsetSize            = &Error{Code: 28, Name: "INVALID_COMMIT_OFFSET_SIZE", Message: "The committing offset data size is not valid.", Retriable: false}
	TopicAuthorizationFailed           = &Error{Code: 29, Name: "TOPIC_AUTHORIZATION_FAILED", Message: "Topic authorization failed.", Retriable: false}
	GroupAuthorizationFailed           = &Error{Code: 30, Name: "GROUP_AUTHORIZATION_FAILED", Message: "Group authorization failed.", Retriable: false}
	ClusterAuthorizationFailed         = &Error{Code: 31, Name: "CLUSTER_AUTHORIZATION_FAILED", Message: "Cluster authorization failed.", Retriable: false}
	InvalidTimestamp                   = &Error{Code: 32, Name: "INVALID_TIMESTAMP", Message: "The timestamp of the message is out of acceptable range.", Retriable: false}
	UnsupportedSASLMechanism           = &Error{Code: 33, Name: "UNSUPPORTED_SASL_MECHANISM", Message: "The broker does not support the requested SASL mechanism.", Retriable: false}
	IllegalSASLState                   = &Error{Code: 34, Name: "ILLEGAL_SASL_STATE", Message: "Request is not valid given the current SASL state.", Retriable: false}
	UnsupportedVersion                 = &Error{Code: 35, Name: "UNSUPPORTED_VERSION", Message: "The version of API is not supported.", Retriable: false}
	TopicAlreadyExists                 = &Error{Code: 36, Name: "TOPIC_ALREADY_EXISTS", Message: "Topic with this name already exists.", Retriable: false}
	InvalidPartitions                  = &Error{Code: 37, Name: "INVALID_PARTITIONS", Message: "Number of partitions is below 1.", Retriable: false}
	InvalidReplicationFactor           = &Error{Code: 38, Name: "INVALID_REPLICATION_FACTOR", Message: "Replication factor is below 1 or larger than the number of available brokers.", Retriable: false}
	InvalidReplicaAssignment           = &Error{Code: 39, Name: "INVALID_REPLICA_ASSIGNMENT", Message: "Replica assignment is invalid.", Retriable: false}
	InvalidConfig                      = &Error{Code: 40, Name: "INVALID_CONFIG", Message: "Configuration is invalid.", Retriable: false}
	NotController                      = &Error{Code: 41, Name: "NOT_CONTROLLER", Message: "This is not the correct controller for this cluster.", Retriable: true}
	InvalidRequest                     = &Error{Code: 42, Name: "INVALID_REQUEST", Message: "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.", Retriable: false}
	UnsupportedForMessageFormat        = &Error{Code: 43, Name: "UNSUPPORTED_FOR_MESSAGE_FORMAT", Message: "The message format version on the broker does not support the request.", Retriable: false}
	PolicyViolation                    = &Error{Code: 44, Name: "POLICY_VIOLATION", Message: "Request parameters do not satisfy the configured policy.", Retriable: false}
	OutOfOrderSequenceNumber           = &Error{Code: 45, Name: "OUT_OF_ORDER_SEQUENCE_NUMBER", Message: "The broker received an out of order sequence number.", Retriable: false}
	DuplicateSequenceNumber            = &Error{Code: 46, Name: "DUPLICATE_SEQUENCE_NUMBER", Message: "The broker received a duplicate sequence number.", Retriable: false}
	InvalidProducerEpoch               = &Error{Code: 47, Name: "INVALID_PRODUCER_EPOCH", Message: "Producer attempted an operation with an old epoch. Either there is a newer producer with the same transactionalId, or the producer's transaction has been expired by the broker.", Retriable: false}
	InvalidTxnState                    = &Error{Code: 48, Name: "INVALID_TXN_STATE", Message: "The producer attempted a transactional operation in an invalid state.", Retriable: false}
	InvalidProducerIDMapping           = &Error{Code: 49, Name: "INVALID_PRODUCER_ID_MAPPING", Message: "The producer attempted to use a producer id which is not currently assigned to its transactional id.", Retriable: false}
	InvalidTransactionTimeout          = &Error{Code: 50, Name: "INVALID_TRANSACTION_TIMEOUT", Message: "The transaction timeout is larger than the maximum value allowed by the broker (as configured by transaction.max.timeout.ms).", Retriable: false}
	ConcurrentTransactions             = &Error{Code: 51, Name: "CONCURRENT_TRANSACTIONS", Message: "The producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing.", Retriable: false}
	TransactionCoordinatorFenced       = &Error{Code: 52, Name: "TRANSACTION_COORDINATOR_FENCED", Message: "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer.", Retriable: false}
	TransactionalIDAuthorizationFailed = &Error{Code: 53, Name: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Message: "Transactional Id authorization failed.", Retriable: false}
	SecurityDisabled                   = &Error{Code: 54, Name: "SECURITY_DISABLED", Message: "Security features are disabled.", Retriable: false}
	OperationNotAttempted              = &Error{Code: 55, Name: "OPERATION_NOT_ATTEMPTED", Message: "The broker did not attempt to execute this operation. This may happen for batched RPCs where some operations in the batch failed, causing the broker to respond without trying the rest.", Retriable: false}
	KafkaStorageError                  = &Error{Code: 56, Name: "KAFKA_STORAGE_ERROR", Message: "Disk error when trying to access log file on the disk.", Retriable: true}
	LogDirNotFound                     = &Error{Code: 57, Name: "LOG_DIR_NOT_FOUND", Message: "The user-specified log directory is not found in the broker config.", Retriable: false}
	SASLAuthenticationFailed           = &Error{Code: 58, Name: "SASL_AUTHENTICATION_FAILED", Message: "SASL Authentication failed.", Retriable: false}
	UnknownProducerID                  = &Error{Code: 59, Name: "UNKNOWN_PRODUCER_ID", Message: "This exception is raised by the broker if it could not locate the producer metadata associated with the producerId in question.", Retriable: false}
	ReassignmentInProgress             = &Error{Code: 60, Name: "REASSIGNMENT_IN_PROGRESS", Message: "A partition reassignment is in progress.", Retriable: false}
	DelegationTokenAuthDisabled        = &Error{Code: 61, Name: "DELEGATION_TOKEN_AUTH_DISABLED", Message: "Delegation Token feature is not enabled.", Retriable: false}
	DelegationTokenNotFound            = &Error{Code: 62, Name: "DELEGATION_TOKEN_NOT_FOUND", Message: "Delegation Token is not found on server.", Retriable: false}
	DelegationTokenOwnerMismatch       = &Error{Code: 63, Name: "DELEGATION_TOKEN_OWNER_MISMATCH", Message: "Specified Principal is not valid Owner/Renewer.", Retriable: false}
	DelegationTokenRequestNotAllowed   = &Error{Code: 64, Name: "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", Message: "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on delegation token authenticated channels.", Retriable: false}
	DelegationTokenAuthorizationFailed = &Error{Code: 65, Name: "DELEGATION_TOKEN_AUTHORIZATION_FAILED", Message: "Delegation Token authorization failed.", Retriable: false}
	DelegationTokenExpired             = &Error{Code: 66, Name: "DELEGATION_TOKEN_EXPIRED", Message: "Delegation Token is expired.", Retriable: false}
	InvalidPrincipalType               = &Error{Code: 67, Name: "INVALID_PRINCIPAL_TYPE", Message: "Supplied principalType is not supported.", Retriable: false}
	NonEmptyGroup                      = &Error{Code: 68, Name: "NON_EMPTY_GROUP", Message: "The group is not empty.", Retriable: false}
	GroupIDNotFound                    = &Error{Code: 69, Name: "GROUP_ID_NOT_FOUND", Message: "The group id does not exist.", Retriable: false}
	FetchSessionIDNotFound             = &Error{Code: 70, Name: "FETCH_SESSION_ID_NOT_FOUND", Message: "The fetch session ID was not found.", Retriable: true}
	InvalidFetchSessionEpoch           = &Error{Code: 71, Name: "INVALID_FETCH_SESSION_EPOCH", Message: "The fetch session epoch is invalid.", Retriable: true}
	ListenerNotFound                   = &Error{Code: 72, Name: "LISTENER_NOT_FOUND", Message: "There is no listener on the leader broker that matches the listener on which metadata request was processed.", Retriable: true}
	TopicDeletionDisabled              = &Error{Code: 73, Name: "TOPIC_DELETION_DISABLED", Message: "Topic deletion is disabled.", Retriable: false}
	FencedLeaderEpoch                  = &Error{Code: 74, Name: "FENCED_LEADER_EPOCH", Message: "The leader epoch in the request is older than the epoch on the broker", Retriable: true}
	UnknownLeaderEpoch                 = &Error{Code: 75, Name: "UNKNOWN_LEADER_EPOCH", Message: "The leader epoch in the request is newer than the epoch on the broker", Retriable: true}
	UnsupportedCompressionType         = &Error{Code: 76, Name: "UNSUPPORTED_COMPRESSION_TYPE", Message: "The requesting client does not support the compression type of given partition.", Retriable: false}
	StaleBrokerEpoch                   = &Error{Code: 77, Name: "STALE_BROKER_EPOCH", Message: "Broker epoch has changed", Retriable: false}
	OffsetNotAvailable                 = &Error{Code: 78, Name: "OFFSET_NOT_AVAILABLE", Message: "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing", Retriable: true}
	MemberIDRequired                   = &Error{Code: 79, Name: "MEMBER_ID_REQUIRED", Message: "The group member needs to have a valid member id before actually entering a consumer group", Retriable: false}
	PreferredLeaderNotAvailable        = &Error{Code: 80, Name: "PREFERRED_LEADER_NOT_AVAILABLE", Message: "The preferred leader was not available", Retriable: true}
	GroupMaxSizeReached                = &Error{Code: 81, Name: "GROUP_MAX_SIZE_REACHED", Message: "The consumer group has reached its max size.", Retriable: false}
	FencedInstanceID                   = &Error{Code: 82, Name: "FENCED_INSTANCE_ID", Message: "The broker rejected this static consumer since another consumer with the same group.instance.id has registered with a different member.id.", Retriable: false}
	EligibleLeadersNotAvailable        = &Error{Code: 83, Name: "ELIGIBLE_LEADERS_NOT_AVAILABLE", Message: "Eligible topic partition leaders are not available", Retriable: true}
	ElectionNotNeeded                  = &Error{Code: 84, Name: "ELECTION_NOT_NEEDED", Message: "Leader election not needed for topic partition", Retriable: false}
	NoReassignmentInProgress           = &Error{Code: 85, Name: "NO_REASSIGNMENT_IN_PROGRESS", Message: "No partition reassignment is in progress.", Retriable: false}
	GroupSubscribedToTopic             = &Error{Code: 86, Name: "GROUP_SUBSCRIBED_TO_TOPIC", Message: "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.", Retriable: false}
	InvalidRecord                      = &Error{Code: 87, Name: "INVALID_RECORD", Message: "This record has failed the validation on broker and hence will be rejected.", Retriable: false}
	UnstableOffsetCommit               = &Error{Code: 88, Name: "UNSTABLE_OFFSET_COMMIT", Message: "There are unstable offsets that need to be cleared.", Retriable: true}
)

var all = [...]*Error{
	UnknownServerError,
	OffsetOutOfRange,
	CorruptMessage,
	UnknownTopicOrPartition,
	InvalidFetchSize,
	LeaderNotAvailable,
	NotLeaderForPartition,
	RequestTimedOut,
	BrokerNotAvailable,
	ReplicaNotAvailable,
	MessageTooLarge,
	StaleControllerEpoch,
	OffsetMetadataTooLarge,
	NetworkException,
	CoordinatorLoadInProgress,
	CoordinatorNotAvailable,
	NotCoordinator,
	InvalidTopicException,
	RecordListTooLarge,
	NotEnoughReplicas,
	NotEnoughReplicasAfterAppend,
	InvalidRequiredAcks,
	IllegalGeneration,
	InconsistentGroupProtocol,
	InvalidGroupID,
	UnknownMemberID,
	InvalidSessionTimeout,
	RebalanceInProgress,
	InvalidCommitOffsetSize,
	TopicAuthorizationFailed,
	GroupAuthorizationFailed,
	ClusterAuthorizationFailed,
	InvalidTimestamp,
	UnsupportedSASLMechanism,
	IllegalSASLState,
	UnsupportedVersion,
	TopicAlreadyExists,
	InvalidPartitions,
	InvalidReplicationFactor,
	InvalidReplicaAssignment,
	InvalidConfig,
	NotController,
	InvalidRequest,
	UnsupportedForMessageFormat,
	PolicyViolation,
	OutOfOrderSequenceNumber,
	DuplicateSequenceNumber,
	InvalidProducerEpoch,
	InvalidTxnState,
	InvalidProducerIDMapping,
	InvalidTransactionTimeout,
	ConcurrentTransactions,
	TransactionCoordinatorFenced,
	TransactionalIDAuthorizationFailed,
	SecurityDisabled,
	OperationNotAttempted,
	KafkaStorageError,
	LogDirNotFound,
	SASLAuthenticationFailed,
	UnknownProducerID,
	ReassignmentInProgress,
	DelegationTokenAuthDisabled,
	DelegationTokenNotFound,
	DelegationTokenOwnerMismatch,
	DelegationTokenRequestNotAllowed,
	DelegationTokenAuthorizationFailed,
	DelegationTokenExpired,
	InvalidPrincipalType,
	NonEmptyGroup,
	GroupIDNotFound,
	FetchSessionIDNotFound,
	InvalidFetchSessionEpoch,
	ListenerNotFound,
	TopicDeletionDisabled,
	FencedLeaderEpoch,
	UnknownLeaderEpoch,
	UnsupportedCompressionType,
	StaleBrokerEpoch,
	OffsetNotAvailable,
	MemberIDRequired,
	PreferredLeaderNotAvailable,
	GroupMaxSizeReached,
	FencedInstanceID,
	EligibleLeadersNotAvailable,
	ElectionNotNeeded,
	NoReassignmentInProgress,
	GroupSubscribedToTopic,
	InvalidRecord,
	UnstableOffsetCommit,
}

// ForCode finds the error of a code: nil for 0, UnknownServerError for a code that 2.5.0 does not
// have.
func ForCode(code int16) *Error {
	if code == 0 {
		return nil
	}
	for _, e := range all {
		if e.Code == code {
			return e
		}
	}
	return UnknownServerError
}

// Of maps an error to one of Kafka's: an *Error in the chain wins; I/O errors become
// KafkaStorageError, deadlines RequestTimedOut, everything else UnknownServerError (a fault of
// ours, to be logged with its chain). Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var k *Error
	if errors.As(err, &k) {
		return k
	}
	var path *fs.PathError
	var link *os.LinkError
	var sys *os.SyscallError
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return RequestTimedOut
	case errors.As(err, &path), errors.As(err, &link), errors.As(err, &sys), errors.As(err, &errno):
		return KafkaStorageError
	}
	return UnknownServerError
}

// Code is the code of Of(err), 0 for nil.
func Code(err error) int16 {
	if e := Of(err); e != nil {
		return e.Code
	}
	return 0
}
