package model

import "testing"

func TestNamesOfACLs(t *testing.T) {
	for n := ResourceUnknown; n <= ResourceDelegationToken; n++ {
		if ParseResourceType(n.String()) != n || ParseResourceType(n.Stored()) != n {
			t.Errorf("%d: %s, %s", n, n, n.Stored())
		}
	}
	for n := OperationUnknown; n <= OperationIdempotentWrite; n++ {
		if ParseACLOperation(n.String()) != n || ParseACLOperation(n.Stored()) != n {
			t.Errorf("%d: %s, %s", n, n, n.Stored())
		}
	}
	for n := PermissionUnknown; n <= PermissionAllow; n++ {
		if ParseACLPermission(n.Stored()) != n {
			t.Errorf("%d: %s", n, n.Stored())
		}
	}
	if s := ResourceTransactionalID.Stored(); s != "TransactionalId" {
		t.Error(s)
	}
	if ParseACLOperation("describeconfigs") != OperationDescribeConfigs || ParseACLOperation("foo") != OperationUnknown || ParsePatternType("prefixed") != PatternPrefixed || ACLOperation(99).String() != "UNKNOWN" {
		t.Error("names")
	}
	if s := (ACLResource{ResourceTopic, "t1", PatternLiteral}).String(); s != "ResourcePattern(resourceType=TOPIC, name=t1, patternType=LITERAL)" {
		t.Error(s)
	}
	if s := (ACLEntry{"User:bob", "*", OperationRead, PermissionAllow}).String(); s != "(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)" {
		t.Error(s)
	}
}

func TestFiltersOfResources(t *testing.T) {
	literal, prefixed := ACLResource{ResourceTopic, "t1", PatternLiteral}, ACLResource{ResourceTopic, "t", PatternPrefixed}
	every, group := ACLResource{ResourceTopic, "*", PatternLiteral}, ACLResource{ResourceGroup, "t1", PatternLiteral}
	all := []ACLResource{literal, prefixed, every, group}
	for _, c := range []struct {
		filter ACLResource
		want   [4]bool
	}{
		{ACLResource{ResourceAny, "", PatternAny}, [4]bool{true, true, true, true}},
		{ACLResource{ResourceTopic, "", PatternAny}, [4]bool{true, true, true, false}},
		{literal, [4]bool{true, false, false, false}},
		{every, [4]bool{false, false, true, false}},
		{ACLResource{ResourceTopic, "t1", PatternAny}, [4]bool{true, false, false, false}},
		{ACLResource{ResourceTopic, "t", PatternAny}, [4]bool{false, true, false, false}},
		{ACLResource{ResourceTopic, "t1", PatternMatch}, [4]bool{true, true, true, false}},
		{ACLResource{ResourceTopic, "x", PatternMatch}, [4]bool{false, false, true, false}},
		{prefixed, [4]bool{false, true, false, false}},
	} {
		for i, r := range all {
			if got := c.filter.Selects(r); got != c.want[i] {
				t.Errorf("%s selects %s: %v", c.filter, r, got)
			}
		}
	}
}
