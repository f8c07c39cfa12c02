package interbroker

import (
	"fmt"
	"strings"
)

// Versions are the request versions that a broker with some inter.broker.protocol.version sends to others (protocol.md 15.1).
type Versions struct {
	Fetch                int16
	OffsetForLeaderEpoch int16
	ListOffsets          int16
	LeaderAndISR         int16
	UpdateMetadata       int16
	StopReplica          int16
	ControlledShutdown   int16
	WriteTxnMarkers      int16
	// TruncateByEpoch tells that followers ask OffsetForLeaderEpoch (0.11.0-IV2 and later) instead of truncating to the high watermark.
	TruncateByEpoch bool
}

// The names of inter.broker.protocol.version that Kafka 2.5 knows, oldest first.
var protocolVersions = [...]string{
	"0.8.0", "0.8.1", "0.8.2", "0.9.0", "0.10.0-IV0", "0.10.0-IV1", "0.10.1-IV0", "0.10.1-IV1", "0.10.1-IV2", "0.10.2-IV0",
	"0.11.0-IV0", "0.11.0-IV1", "0.11.0-IV2", "1.0-IV0", "1.1-IV0", "2.0-IV0", "2.0-IV1", "2.1-IV0", "2.1-IV1", "2.1-IV2",
	"2.2-IV0", "2.2-IV1", "2.3-IV0", "2.3-IV1", "2.4-IV0", "2.4-IV1", "2.5-IV0",
}

// protocolIndex is the position of a version in protocolVersions. As in Kafka a short name means its last sub-version, and
// components after the second (third for 0.x) are ignored: 2.4.1 is 2.4-IV1.
func protocolIndex(version string) (int, error) {
	parts := strings.Split(version, ".")
	components := 2
	if len(parts) > 0 && parts[0] == "0" {
		components = 3
	}
	name := strings.Join(parts[:min(components, len(parts))], ".")
	for i := len(protocolVersions) - 1; i >= 0; i-- {
		known := protocolVersions[i]
		if known == name || strings.HasPrefix(known, name+"-IV") {
			return i, nil
		}
	}
	return 0, fmt.Errorf("inter.broker.protocol.version: %q is unknown; valid are 0.8.0 to 2.5, for example 2.5-IV0", version)
}

// VersionsFor are the versions for an inter.broker.protocol.version; "" is the newest.
func VersionsFor(interBrokerProtocolVersion string) (Versions, error) {
	at := len(protocolVersions) - 1
	if interBrokerProtocolVersion != "" {
		var err error
		if at, err = protocolIndex(interBrokerProtocolVersion); err != nil {
			return Versions{}, err
		}
	}
	pick := func(rows ...any) int16 { // since, version pairs, newest first; 0 below the oldest
		for i := 0; i < len(rows); i += 2 {
			if since, err := protocolIndex(rows[i].(string)); err == nil && at >= since {
				return int16(rows[i+1].(int))
			}
		}
		return 0
	}
	return Versions{
		Fetch: pick("2.3-IV1", 11, "2.1-IV2", 10, "2.0-IV1", 8, "1.1-IV0", 7, "0.11.0-IV1", 5, "0.11.0-IV0", 4,
			"0.10.1-IV1", 3, "0.10.0-IV0", 2, "0.9.0", 1),
		OffsetForLeaderEpoch: pick("2.3-IV1", 3, "2.1-IV1", 2, "2.0-IV0", 1),
		ListOffsets:          pick("2.2-IV1", 5, "2.1-IV1", 4, "2.0-IV1", 3, "0.11.0-IV0", 2, "0.10.1-IV2", 1),
		LeaderAndISR:         pick("2.4-IV1", 4, "2.4-IV0", 3, "2.2-IV0", 2, "1.0-IV0", 1),
		UpdateMetadata:       pick("2.4-IV1", 6, "2.2-IV0", 5, "1.0-IV0", 4, "0.10.2-IV0", 3, "0.10.0-IV1", 2, "0.9.0", 1),
		StopReplica:          pick("2.4-IV1", 2, "2.2-IV0", 1),
		ControlledShutdown:   pick("2.4-IV1", 3, "2.2-IV0", 2, "0.9.0", 1),
		TruncateByEpoch:      pick("0.11.0-IV2", 1) == 1,
	}, nil
}
