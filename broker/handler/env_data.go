package handler

// DataEnv is what Produce, Fetch, ListOffsets, Metadata, OffsetForLeaderEpoch and DeleteRecords use.
type DataEnv struct{}
