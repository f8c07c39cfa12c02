package handler

import "momus/broker/metadata"

// DataEnv is what Produce, Fetch, ListOffsets, Metadata, OffsetForLeaderEpoch and DeleteRecords use.
type DataEnv struct {
	Metadata *metadata.Cache
	// TopicCreator creates topics on demand; nil: none are created.
	TopicCreator TopicCreator
}
