package configs

import (
	"context"
	"testing"

	"momus/cmd/internal/tool/core"
)

// The name that stands alone beside users and clients is the user's, whichever type came first, and
// the order of the types is that of the names otherwise.
func TestNamesOfUsersAndClients(t *testing.T) {
	for _, c := range []struct {
		types, names []string
		want         string
	}{
		{[]string{"users", "clients"}, []string{"u", "c"}, "user-principal 'u', client-id 'c'"},
		{[]string{"clients", "users"}, []string{"c", "u"}, "user-principal 'u', client-id 'c'"},
		{[]string{"users", "clients"}, []string{"u"}, "user-principal 'u', clients"},
		{[]string{"clients", "users"}, []string{"u"}, "user-principal 'u', clients"},
		{[]string{"clients", "users"}, []string{""}, "default user-principal, clients"},
		{[]string{"clients", "users"}, nil, "users, clients"},
		{[]string{"clients"}, []string{"c"}, "client-id 'c'"},
		{[]string{"topics"}, []string{"t"}, "topic 't'"},
	} {
		if got := (&configChange{types: c.types, names: c.names}).entity().String(); got != c.want {
			t.Errorf("%v %v are %s, want %s", c.types, c.names, got, c.want)
		}
	}
}

// With --alter each type has a name.
func TestAlterNeedsANameForEachType(t *testing.T) {
	for _, types := range [][]string{{"users", "clients"}, {"clients", "users"}} {
		s := &zkConfigs{c: &core.Call{}, change: &configChange{types: types, names: []string{"x"}}}
		err := s.alter(context.Background())
		if err == nil || err.Error() != "--entity-name or --entity-default must be specified with each --entity-type for --alter" {
			t.Errorf("%v: %v", types, err)
		}
	}
}
