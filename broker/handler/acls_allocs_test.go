//go:build !race

package handler

import (
	"encoding/binary"
	"io"
	"math"
	"testing"

	"momus/broker/protocol"
	"momus/coordinator/acl"
)

// TestACLsAllocateNothingOnTheHotPath compares what a Produce and a Fetch request allocate, in the
// whole process, with an authorizer that has 10,000 ACLs and without one. Of several measurements the
// least counts: now and then another goroutine or an emptied pool adds its own. Not under the race
// detector, which has pools drop things at random.
func TestACLsAllocateNothingOnTheHotPath(t *testing.T) {
	measure := func(acls bool) (produce, fetch float64, answered int) {
		broker := newDataBroker(t)
		if acls {
			rules := manyRules(10_000)
			rules.index = rules.index.With(acl.Resource{Type: acl.Topic, Name: "t", Pattern: acl.Literal},
				[]acl.Entry{{Principal: "User:*", Host: "*", Operation: acl.All, Permission: acl.Allow}})
			broker.env.Authorizer = rules
		}
		c := broker.dial()
		buf := make([]byte, 1<<20)
		exchange := func(frame []byte) func() {
			return func() {
				c.raw(frame)
				if _, err := io.ReadFull(c, buf[:4]); err != nil {
					t.Fatal(err)
				}
				answered = int(binary.BigEndian.Uint32(buf))
				if _, err := io.ReadFull(c, buf[:answered]); err != nil {
					t.Fatal(err)
				}
			}
		}
		send := exchange(protocol.AppendRequest(nil, produceRequest(8, 1, "t", batch(nil, "value")), 1, nil))
		read := exchange(protocol.AppendRequest(nil, fetchRequest(11, fetchPart{topic: "t"}), 1, nil))
		for range 100 {
			send()
			read()
		}
		produce, fetch = math.Inf(1), math.Inf(1)
		for range 5 {
			produce, fetch = min(produce, testing.AllocsPerRun(200, send)), min(fetch, testing.AllocsPerRun(200, read))
		}
		return produce, fetch, answered
	}
	produce, fetch, whole := measure(false)
	withProduce, withFetch, answered := measure(true)
	if answered != whole {
		t.Errorf("with ACLs %d bytes were fetched, without %d", answered, whole)
	}
	if withProduce > produce || withFetch > fetch {
		t.Errorf("with ACLs a Produce allocates %v times and a Fetch %v, without %v and %v", withProduce, withFetch, produce, fetch)
	}
}
