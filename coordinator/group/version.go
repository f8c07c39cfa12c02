package group

import "momus/internal/release"

// StaticMembersAllowed reports whether requests may carry a group.instance.id (KIP-345): under an
// inter.broker.protocol.version of 2.3-IV0 or later.
func StaticMembersAllowed(v release.Version) bool { return v >= release.V2_3_IV0 }

// formats are the versions of the values to write.
type formats struct {
	offset int16 // without an explicit expiry; with one it is 1
	group  int16
}

// formatsFor is what brokers of the oldest version in the cluster can read: one of them may be the
// next coordinator.
func formatsFor(v release.Version) formats {
	var f formats
	switch {
	case v >= release.V2_1_IV1:
		f.offset = 3
	case v >= release.V2_1_IV0:
		f.offset = 2
	default:
		f.offset = 1
	}
	switch {
	case v >= release.V2_3_IV0:
		f.group = 3
	case v >= release.V2_1_IV0:
		f.group = 2
	case v >= release.V0_10_1_IV0:
		f.group = 1
	}
	return f
}
