package acl

import "testing"

func TestNamesOfACLs(t *testing.T) {
	for n := UnknownResource; n <= DelegationToken; n++ {
		if ParseResourceType(n.String()) != n || ParseResourceType(n.Stored()) != n {
			t.Errorf("%d: %s, %s", n, n, n.Stored())
		}
	}
	for n := UnknownOperation; n <= IdempotentWrite; n++ {
		if ParseOperation(n.String()) != n || ParseOperation(n.Stored()) != n {
			t.Errorf("%d: %s, %s", n, n, n.Stored())
		}
	}
	for n := UnknownPermission; n <= Allow; n++ {
		if ParsePermission(n.Stored()) != n {
			t.Errorf("%d: %s", n, n.Stored())
		}
	}
	if s := TransactionalID.Stored(); s != "TransactionalId" {
		t.Error(s)
	}
	if ParseOperation("describeconfigs") != DescribeConfigs || ParseOperation("foo") != UnknownOperation || ParsePatternType("prefixed") != Prefixed || Operation(99).String() != "UNKNOWN" {
		t.Error("names")
	}
	if s := (Resource{Topic, "t1", Literal}).String(); s != "ResourcePattern(resourceType=TOPIC, name=t1, patternType=LITERAL)" {
		t.Error(s)
	}
	if s := (Entry{"User:bob", "*", Read, Allow}).String(); s != "(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)" {
		t.Error(s)
	}
}

func TestFiltersOfResources(t *testing.T) {
	literal, prefixed := Resource{Topic, "t1", Literal}, Resource{Topic, "t", Prefixed}
	every, group := Resource{Topic, "*", Literal}, Resource{Group, "t1", Literal}
	all := []Resource{literal, prefixed, every, group}
	for _, c := range []struct {
		filter Resource
		want   [4]bool
	}{
		{Resource{AnyResource, "", AnyPattern}, [4]bool{true, true, true, true}},
		{Resource{Topic, "", AnyPattern}, [4]bool{true, true, true, false}},
		{literal, [4]bool{true, false, false, false}},
		{every, [4]bool{false, false, true, false}},
		{Resource{Topic, "t1", AnyPattern}, [4]bool{true, false, false, false}},
		{Resource{Topic, "t", AnyPattern}, [4]bool{false, true, false, false}},
		{Resource{Topic, "t1", Match}, [4]bool{true, true, true, false}},
		{Resource{Topic, "x", Match}, [4]bool{false, false, true, false}},
		{prefixed, [4]bool{false, true, false, false}},
	} {
		for i, r := range all {
			if got := c.filter.Selects(r); got != c.want[i] {
				t.Errorf("%s selects %s: %v", c.filter, r, got)
			}
		}
	}
}

func TestFiltersOfEntries(t *testing.T) {
	bob, star := "User:bob", "*"
	e := Entry{Principal: bob, Host: star, Operation: Read, Permission: Allow}
	for _, c := range []struct {
		filter Filter
		want   bool
	}{
		{Filter{Operation: AnyOperation, Permission: AnyPermission}, true},
		{Filter{Principal: &bob, Host: &star, Operation: Read, Permission: Allow}, true},
		{Filter{Principal: &star, Operation: AnyOperation, Permission: AnyPermission}, false},
		{Filter{Host: &bob, Operation: AnyOperation, Permission: AnyPermission}, false},
		{Filter{Operation: All, Permission: AnyPermission}, false},
		{Filter{Operation: AnyOperation, Permission: Deny}, false},
		{Filter{}, false},
	} {
		if got := c.filter.SelectsEntry(e); got != c.want {
			t.Errorf("%+v: %v", c.filter, got)
		}
	}
	empty := ""
	if f := (Filter{Type: Topic, Name: &empty, Pattern: AnyPattern}); f.SelectsResource(Resource{Topic, "t", Literal}) {
		t.Error("the empty name is not every name")
	}
}
