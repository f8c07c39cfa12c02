package interbroker

import "momus/internal/release"

// Versions are the request versions that a broker with some inter.broker.protocol.version sends to
// others (the table of Kafka's ReplicaFetcherThread and ControllerChannelManager at 2.5).
type Versions struct {
	Fetch                int16
	OffsetForLeaderEpoch int16
	ListOffsets          int16
	LeaderAndISR         int16
	UpdateMetadata       int16
	StopReplica          int16
	ControlledShutdown   int16
	WriteTxnMarkers      int16
	// TruncateByEpoch tells that followers ask OffsetForLeaderEpoch (0.11.0-IV2 and later) instead
	// of truncating to the high watermark.
	TruncateByEpoch bool
}

// since is a request version and the first inter-broker protocol that has it.
type since struct {
	protocol release.Version
	version  int16
}

// VersionsFor are the versions for an inter-broker protocol.
func VersionsFor(protocol release.Version) Versions {
	pick := func(rows ...since) int16 { // newest first; 0 below the oldest
		for _, r := range rows {
			if protocol >= r.protocol {
				return r.version
			}
		}
		return 0
	}
	return Versions{
		Fetch: pick(since{release.V2_3_IV1, 11}, since{release.V2_1_IV2, 10}, since{release.V2_0_IV1, 8}, since{release.V1_1_IV0, 7},
			since{release.V0_11_0_IV1, 5}, since{release.V0_11_0_IV0, 4}, since{release.V0_10_1_IV1, 3}, since{release.V0_10_0_IV0, 2},
			since{release.V0_9_0, 1}),
		OffsetForLeaderEpoch: pick(since{release.V2_3_IV1, 3}, since{release.V2_1_IV1, 2}, since{release.V2_0_IV0, 1}),
		ListOffsets: pick(since{release.V2_2_IV1, 5}, since{release.V2_1_IV1, 4}, since{release.V2_0_IV1, 3}, since{release.V0_11_0_IV0, 2},
			since{release.V0_10_1_IV2, 1}),
		LeaderAndISR: pick(since{release.V2_4_IV1, 4}, since{release.V2_4_IV0, 3}, since{release.V2_2_IV0, 2}, since{release.V1_0_IV0, 1}),
		UpdateMetadata: pick(since{release.V2_4_IV1, 6}, since{release.V2_2_IV0, 5}, since{release.V1_0_IV0, 4}, since{release.V0_10_2_IV0, 3},
			since{release.V0_10_0_IV1, 2}, since{release.V0_9_0, 1}),
		StopReplica:        pick(since{release.V2_4_IV1, 2}, since{release.V2_2_IV0, 1}),
		ControlledShutdown: pick(since{release.V2_4_IV1, 3}, since{release.V2_2_IV0, 2}, since{release.V0_9_0, 1}),
		TruncateByEpoch:    protocol >= release.V0_11_0_IV2,
	}
}
