package group

import (
	"strconv"
	"strings"
)

// interBroker is a parsed inter.broker.protocol.version, comparable with the first version of a feature.
type interBroker [4]int // release (three numbers before 1.0, two after), then the IV; the latest IV if none is named

const latestIV = 1 << 16

// parseInterBroker reads versions like 0.10.2, 0.11.0-IV1, 2.5, 2.5.0 and 2.3-IV1. What it cannot read counts as the newest: configs
// has refused it before.
func parseInterBroker(s string) interBroker {
	release, iv, hasIV := strings.Cut(s, "-IV")
	v := interBroker{0, 0, 0, latestIV}
	parts := strings.Split(release, ".")
	keep := 2
	if parts[0] == "0" {
		keep = 3
	}
	for i, part := range parts {
		if i == keep {
			break
		}
		n, err := strconv.Atoi(part)
		if err != nil {
			return interBroker{latestIV}
		}
		v[i] = n
	}
	if hasIV {
		n, err := strconv.Atoi(iv)
		if err != nil {
			return interBroker{latestIV}
		}
		v[3] = n
	}
	return v
}

func (v interBroker) atLeast(o interBroker) bool {
	for i := range v {
		if v[i] != o[i] {
			return v[i] > o[i]
		}
	}
	return true
}

// The versions in which the record formats changed (records.md 6), and with which group.instance.id came (KIP-345).
var (
	ibp0101  = interBroker{0, 10, 1, 0}
	ibp21    = interBroker{2, 1, 0, 0}
	ibp21IV1 = interBroker{2, 1, 0, 1}
	ibp23    = interBroker{2, 3, 0, 0}
)

// StaticMembersAllowed tells whether requests may carry a group.instance.id under this inter.broker.protocol.version: from 2.3-IV0 on.
func StaticMembersAllowed(interBrokerProtocolVersion string) bool {
	return parseInterBroker(interBrokerProtocolVersion).atLeast(ibp23)
}

// formats are the versions of the values to write.
type formats struct {
	offset int16 // without an explicit expiry; with one it is 1
	group  int16
}

func formatsFor(v interBroker) formats {
	var f formats
	switch {
	case v.atLeast(ibp21IV1):
		f.offset = 3
	case v.atLeast(ibp21):
		f.offset = 2
	default:
		f.offset = 1
	}
	switch {
	case v.atLeast(ibp23):
		f.group = 3
	case v.atLeast(ibp21):
		f.group = 2
	case v.atLeast(ibp0101):
		f.group = 1
	}
	return f
}
