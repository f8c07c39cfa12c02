package view

import (
	"testing"

	"momus/broker/quota"
	"momus/coordinator/zk"
)

func TestQuotaEntities(t *testing.T) {
	named := func(s string) quota.Name { return quota.Name{Kind: quota.Named, Text: s} }
	byDefault := quota.Name{Kind: quota.ByDefault}
	for _, c := range []struct {
		kind zk.EntityType
		path string
		want quota.Entity
	}{
		{zk.EntityClients, "my%20client", quota.Entity{Client: named("my client")}},
		{zk.EntityClients, "<default>", quota.Entity{Client: byDefault}},
		{zk.EntityClients, "%3Cdefault%3E", quota.Entity{Client: named("<default>")}},
		{zk.EntityUsers, "CN%3Du%2CO%3Dx", quota.Entity{User: named("CN=u,O=x")}},
		{zk.EntityUsers, "<default>", quota.Entity{User: byDefault}},
		{zk.EntityUsers, "u/clients/<default>", quota.Entity{User: named("u"), Client: byDefault}},
		{zk.EntityUsers, "<default>/clients/c%2Fd", quota.Entity{User: byDefault, Client: named("c/d")}},
	} {
		if got, err := QuotaEntity(c.kind, c.path); err != nil || got != c.want {
			t.Errorf("%s/%s: %+v, %v", c.kind, c.path, got, err)
		}
	}
	for _, path := range []string{"u/clients", "u/groups/g", "u/clients/c/d", "u/"} {
		if got, err := QuotaEntity(zk.EntityUsers, path); err == nil {
			t.Errorf("users/%s: %+v", path, got)
		}
	}
	if got, err := QuotaEntity(zk.EntityTopics, "t"); err == nil {
		t.Errorf("topics/t: %+v", got)
	}
}
