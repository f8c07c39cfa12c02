package group

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A record that names a member twice has one member, the later one, and its protocol counts once:
// the group can go on.
func TestMemberNamedTwiceInARecord(t *testing.T) {
	protocol, instance := "range", "i"
	v := kmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer", Generation: 4, Protocol: &protocol, Leader: new(string)}
	*v.Leader = "a"
	for i, id := range []string{"a", "b", "a"} {
		m := kmsg.GroupMetadataValueMember{MemberID: id, SessionTimeoutMillis: int32(i), Assignment: []byte{byte(i)}}
		if i == 0 {
			m.InstanceID = &instance
		}
		v.Members = append(v.Members, m)
	}
	g := newGroup("g", 0)
	if err := decodeGroupValue(g, v.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
	if len(g.order) != 2 || len(g.members) != 2 || len(g.static) != 0 || g.supported["range"] != 2 || g.leader != "a" {
		t.Errorf("%d members in order, %d by id, %d static, %d support the protocol, leader %q", len(g.order), len(g.members), len(g.static), g.supported["range"], g.leader)
	}
	if m := g.members["a"]; m.sessionTimeoutMs != 2 || m.assignment[0] != 2 {
		t.Errorf("a is %+v", m)
	}
}
