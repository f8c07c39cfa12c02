// Package release is the one list of the versions of Kafka's inter-broker protocol and message
// format, as values that compare (kafka.api.ApiVersion in 2.5). It knows what each is called and
// which record format belongs to it; what brokers send each other in a version is
// broker/interbroker's.
package release

import (
	"fmt"
	"strings"
)

// Version is a version of the inter-broker protocol or of the message format; larger is newer. The
// values have no meaning beyond their order and the names that Kafka gives them.
type Version int8

type versionEntry struct {
	name   string // as the validator lists it
	short  string // the release it belongs to
	record int8   // message format: 0, 1 or 2
}

// versions is Kafka 2.5.0's list, oldest first.
var versions = [...]versionEntry{
	{"0.8.0", "0.8.0", 0},
	{"0.8.1", "0.8.1", 0},
	{"0.8.2", "0.8.2", 0},
	{"0.9.0", "0.9.0", 0},
	{"0.10.0-IV0", "0.10.0", 1},
	{"0.10.0-IV1", "0.10.0", 1},
	{"0.10.1-IV0", "0.10.1", 1},
	{"0.10.1-IV1", "0.10.1", 1},
	{"0.10.1-IV2", "0.10.1", 1},
	{"0.10.2-IV0", "0.10.2", 1},
	{"0.11.0-IV0", "0.11.0", 2},
	{"0.11.0-IV1", "0.11.0", 2},
	{"0.11.0-IV2", "0.11.0", 2},
	{"1.0-IV0", "1.0", 2},
	{"1.1-IV0", "1.1", 2},
	{"2.0-IV0", "2.0", 2},
	{"2.0-IV1", "2.0", 2},
	{"2.1-IV0", "2.1", 2},
	{"2.1-IV1", "2.1", 2},
	{"2.1-IV2", "2.1", 2},
	{"2.2-IV0", "2.2", 2},
	{"2.2-IV1", "2.2", 2},
	{"2.3-IV0", "2.3", 2},
	{"2.3-IV1", "2.3", 2},
	{"2.4-IV0", "2.4", 2},
	{"2.4-IV1", "2.4", 2},
	{"2.5-IV0", "2.5", 2},
}

// Versions that change what brokers send each other; see inter.broker.protocol.version.
const (
	V0_8_0 Version = iota
	V0_8_1
	V0_8_2
	V0_9_0
	V0_10_0_IV0
	V0_10_0_IV1
	V0_10_1_IV0
	V0_10_1_IV1
	V0_10_1_IV2
	V0_10_2_IV0
	V0_11_0_IV0
	V0_11_0_IV1
	V0_11_0_IV2
	V1_0_IV0
	V1_1_IV0
	V2_0_IV0
	V2_0_IV1
	V2_1_IV0
	V2_1_IV1
	V2_1_IV2
	V2_2_IV0
	V2_2_IV1
	V2_3_IV0
	V2_3_IV1
	V2_4_IV0
	V2_4_IV1
	V2_5_IV0
)

// Latest is Kafka 2.5.0's own.
const Latest = V2_5_IV0

// String is the version's full name, such as 2.5-IV0.
func (v Version) String() string { return versions[v].name }

// RecordVersion is the magic of the message format that belongs to the version: 0, 1 or 2.
func (v Version) RecordVersion() int8 { return versions[v].record }

// Parse reads a version as Kafka does: a full name, or a release with or without patch number,
// which means the newest version of that release. The error has Kafka's text.
func Parse(s string) (Version, error) {
	parts := strings.Split(s, ".")
	n := 2
	if strings.HasPrefix(s, "0.") {
		n = 3
	}
	key := strings.Join(parts[:min(n, len(parts))], ".")
	for i := len(versions) - 1; i >= 0; i-- {
		if versions[i].name == key || versions[i].short == key {
			return Version(i), nil
		}
	}
	return 0, fmt.Errorf("Version `%s` is not a valid version", s)
}

// Short is the name of the release that the version belongs to, such as 2.5.
func (v Version) Short() string { return versions[v].short }

// OldestWith is the first version whose message format is the given magic; Latest when there is
// none.
func OldestWith(record int8) Version {
	for i := range versions {
		if versions[i].record == record {
			return Version(i)
		}
	}
	return Latest
}

// Names lists all versions, oldest first, as Kafka's validator prints them.
func Names() []string {
	names := make([]string, len(versions))
	for i, v := range versions {
		names[i] = v.name
	}
	return names
}

// ParseOrLatest is Parse for a value that was checked before: one that cannot be read has had its
// error already, and is Latest.
func ParseOrLatest(s string) Version {
	v, err := Parse(s)
	if err != nil {
		return Latest
	}
	return v
}
